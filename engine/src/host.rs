//! Does what the driver asks: the same code in a page's worker and in a native process.

mod devices;
mod inspection;
mod observation;
mod slot;
mod trace;

pub use inspection::Inspection;
use slot::{Slot, deaf};

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    cache, clock,
    device::{Device, Space},
    error::{Error, Result},
    front_end::FrontEnd,
    graph,
    load::{Checkpoint, Config, Folder, Origin, Remarks, Synthetic, preset},
    model::{self, Model},
    precompile::{self, Expected},
    protocol::{
        Decode, Measure, Memory, ModelInfo, ModelSource, Options, Outcome, Platform, Precision, Step, Tensors,
        Timeline, Work,
    },
    weights::{Declared, Format, Store, format, loader::Cost, pressure::Narrowed, store},
};

/// Devices and the models on them.
pub struct Host {
    root: String,
    devices: BTreeMap<Platform, Device>,
    slots: BTreeMap<String, Slot>,
    /// Accounts of slots whose load failed: nothing may be left in them.
    failed: BTreeMap<String, Space>,
}

/// Refuses options that no model could be loaded with.
pub fn check(options: &Options) -> Result<()> {
    format::check(options)?;
    store::check(options)?;
    graph::pass::check(options)?;
    cache::check(options)
}

impl Host {
    /// A host without models. Folders are found relative to `root`: a URL in a browser, a path natively.
    #[must_use]
    pub fn new(root: &str) -> Self {
        Self { root: root.to_owned(), devices: BTreeMap::new(), slots: BTreeMap::new(), failed: BTreeMap::new() }
    }

    /// Does one step. Whatever goes wrong is an [`Outcome::Failed`].
    pub async fn perform(&mut self, step: Step) -> Outcome {
        let outcome = match step {
            Step::Probe { platform } => self.probe(platform).await,
            Step::Compile { platform } => self.compile(platform).await,
            Step::Bench { platform, work, budget_ms } => self.bench(platform, work, budget_ms).await,
            Step::Wait { platform, budget_ms } => self.wait(platform, budget_ms).await,
            Step::Load { slot, platform, model, options, work } => {
                self.load(slot, platform, model, options, &work).await
            }
            Step::Infer { slot, inputs, outputs, reply } => self.infer(&slot, &inputs, outputs, reply).await,
            Step::Hear { slot, inputs, budget_ms } => self.hear(&slot, &inputs, budget_ms).await,
            Step::Generate { slot, inputs, decode, outputs, reply } => {
                self.generate(&slot, &inputs, &decode, &outputs, reply).await
            }
            Step::Timeline { slot } => self.timeline(&slot),
            Step::Trace { slot, inputs, outputs, decode } => self.trace(&slot, &inputs, outputs, decode.as_ref()).await,
            Step::Footprint => Ok(Outcome::Footprint { measures: footprint() }),
            Step::Unload { slot } => Ok(self.unload(&slot)),
            Step::Finish => {
                self.slots.clear();
                Ok(Outcome::Unloaded { memory: Memory::default() })
            }
        };
        outcome.unwrap_or_else(|error| Outcome::Failed { kind: error.kind(), message: error.to_string() })
    }

    async fn load(
        &mut self,
        name: String,
        platform: Platform,
        from: ModelSource,
        options: Options,
        work: &[Work],
    ) -> Result<Outcome> {
        self.unload(&name);
        check(&options)?;
        let space = Space::new(self.device(platform).await?);
        let loaded = self.load_into(&space, from, options, work).await;
        match loaded {
            Ok((slot, outcome)) => {
                self.slots.insert(name, slot);
                Ok(outcome)
            }
            Err(error) => {
                self.failed.insert(name, space);
                Err(error)
            }
        }
    }

    async fn load_into(
        &self,
        space: &Space,
        from: ModelSource,
        options: Options,
        work: &[Work],
    ) -> Result<(Slot, Outcome)> {
        let started = clock::now();
        let (config, origin) = self.open(from, &options).await?;
        let folder = if let Origin::Files(checkpoint) = &origin { Some(checkpoint.folder()) } else { None };
        let front_end = FrontEnd::open(&config, folder, options.compute_shaders, space.device()).await?;
        let mut built = model::build(&config, &origin)?;
        self.attach_importance(&options, &mut built.declared).await?;
        format::check_stored(&built.declared, &options)?;
        if options.kv_cache.is_some() && built.model.generator().is_none() {
            return Err(Error::unsupported("this model keeps no keys and values").of("kv_cache"));
        }
        let formats: Vec<Format> = built.declared.iter().map(|weight| Format::choose(weight, &options)).collect();
        let expected = Expected {
            model: &*built.model,
            front_end: front_end.as_ref(),
            declared: &built.declared,
            formats: &formats,
            options: &options,
        };
        let shaders = precompile::start(&expected, work, space)?;
        let store = Store::open(Rc::new(origin), &built.declared, &options, space).await?;
        let compiled = shaders.finish().await?;
        let load_ms = clock::now() - started;

        let mut measures = if store.coming.is_some() {
            vec![Measure::ms("open_time", load_ms)]
        } else {
            arrived(load_ms, &store.cost, &store.remarks)
        };
        measures.extend([
            Measure::bytes("weight_bytes", store.bytes),
            bits("bits_per_weight", store.parameters, store.bytes),
        ]);
        measures.extend(compiled);
        if store.quantized.0 > 0 {
            measures.push(bits("quantized_bits_per_weight", store.quantized.0, store.quantized.1));
        }
        let model = ModelInfo {
            architecture: built.architecture.to_owned(),
            parameters: store.parameters,
            vocabulary: u32::try_from(built.model.vocabulary()).unwrap_or(u32::MAX),
            weight_bytes: store.bytes,
            fetched_bytes: store.cost.fetched_bytes,
            outputs: output_names(&*built.model)?,
            generates: built.model.generator().is_some(),
            inputs: built.model.inputs(),
            warnings: warnings(&built.declared, &options, &store),
            fallbacks: fallbacks(&options, &store, space.device()),
        };
        let memory = space.memory();
        let space = space.clone();
        let slot = Slot {
            model: built.model,
            program: None,
            generation: None,
            front_end,
            store,
            declared: built.declared,
            observer: None,
            options,
            open_ms: load_ms,
            space,
        };
        Ok((slot, Outcome::Loaded { measures, memory, model }))
    }

    async fn open(&self, from: ModelSource, options: &Options) -> Result<(Config, Origin)> {
        Ok(match from {
            ModelSource::Folder { at } => {
                let folder = Folder::new(&self.root, &at);
                if options.progressive_loading.as_ref().is_some_and(|loading| loading.verify) {
                    folder.verify();
                }
                let config = Config::read(&folder).await.map_err(|error| error.of(at.clone()))?;
                let checkpoint = Checkpoint::open(folder, &config).await.map_err(|error| error.of(at))?;
                (config, Origin::Files(checkpoint))
            }
            ModelSource::Synthetic { family, size, seed } => {
                (preset::config(family, size), Origin::Synthetic(Synthetic::new(seed)))
            }
        })
    }

    async fn infer(&mut self, name: &str, inputs: &Tensors, outputs: Vec<String>, reply: bool) -> Result<Outcome> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Err(Error::internal("no model is loaded in this slot").found(format!("'{name}'")));
        };
        slot.space.reset_peak();
        let before = slot.space.device().lookups();
        let started = clock::now();
        let results = slot.infer(inputs, outputs).await?;
        let mut measures = vec![Measure::ms("infer_time", clock::now() - started)];
        measures.extend(slot.shaders_since(before));
        measures.extend(slot.traffic());
        measures.extend(slot.settle(started).await?);
        let outputs = if reply { results } else { Tensors::new() };
        Ok(Outcome::Inferred { measures, memory: slot.space.memory(), outputs })
    }

    async fn hear(&mut self, name: &str, inputs: &Tensors, budget_ms: f64) -> Result<Outcome> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Err(Error::internal("no model is loaded in this slot").found(format!("'{name}'")));
        };
        let front_end = slot.front_end.as_mut().ok_or_else(deaf)?;
        slot.space.reset_peak();
        let (started, mut measures) = (clock::now(), Vec::new());
        while measures.is_empty() || clock::now() - started < budget_ms {
            measures.push(Measure::ms("front_end_time", front_end.time(inputs, &slot.space).await?));
        }
        // A run asks for one time, beside others that must not wait for many calls.
        if budget_ms > 0.0 {
            let call = front_end.time_calls(inputs, &slot.space).await?;
            measures.extend(call.map(|ms| Measure::ms("front_end_call", ms)));
        }
        Ok(Outcome::Inferred { measures, memory: slot.space.memory(), outputs: Tensors::new() })
    }

    async fn generate(
        &mut self,
        name: &str,
        inputs: &Tensors,
        decode: &Decode,
        outputs: &[String],
        reply: bool,
    ) -> Result<Outcome> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Err(Error::internal("no model is loaded in this slot").found(format!("'{name}'")));
        };
        slot.space.reset_peak();
        let before = slot.space.device().lookups();
        let started = clock::now();
        let (inputs, resident) = slot.hear(inputs).await?;
        let hear_ms = clock::now() - started;
        let (generated, made_ms) = slot.generate(&inputs, &resident, decode, outputs).await?;
        let whole = clock::now() - started;
        let decode_ms: f64 = generated.step_ms.iter().sum();
        let mut measures = vec![
            Measure::ms("prefill_time", generated.prefill_ms),
            Measure::ms("time_to_first_token", whole - decode_ms),
            Measure::ms("decode_time", decode_ms),
            Measure::count("decode_tokens", generated.step_ms.len()),
            Measure::ms("prepare_time", made_ms),
            // On a GPU the rest of it is part of the encoder's time.
            Measure::ms("hear_time", hear_ms),
        ];
        measures.extend(slot.shaders_since(before));
        measures.extend(slot.traffic());
        measures.extend(slot.settle(started).await?);
        measures.extend(generated.encode_ms.map(|ms| Measure::ms("encode_time", ms)));
        measures.extend(generated.step_ms.iter().map(|&ms| Measure::ms("token_time", ms)));
        let outputs = if reply { generated.outputs } else { Tensors::new() };
        Ok(Outcome::Generated { measures, memory: slot.space.memory(), tokens: generated.tokens, outputs })
    }

    fn timeline(&self, name: &str) -> Result<Outcome> {
        let slot = self.slots.get(name);
        let slot = slot.ok_or_else(|| Error::internal("no model is loaded in this slot").found(format!("'{name}'")))?;
        Ok(Outcome::Timeline { timeline: Timeline { weights: slot.store.stored.clone(), ..slot.space.timeline() } })
    }

    fn unload(&mut self, name: &str) -> Outcome {
        let failed = self.failed.remove(name).map(|space| space.memory());
        let memory = self.slots.remove(name).map(|slot| {
            let Slot { program, generation, front_end, store, space, .. } = slot;
            drop((program, generation, front_end, store));
            space.memory()
        });
        Outcome::Unloaded { memory: memory.or(failed).unwrap_or_default() }
    }
}

/// What it took until all weights were there.
fn arrived(load_ms: f64, cost: &Cost, remarks: &Remarks) -> Vec<Measure> {
    let mut measures = vec![
        Measure::ms("load_time", load_ms),
        Measure::ms("fetch_time", cost.fetch_ms),
        Measure::ms("convert_time", cost.convert_ms),
    ];
    if remarks.verified > 0 {
        measures.push(Measure::bytes("verified_bytes", remarks.verified));
    }
    measures
}

/// What was asked for and could not be had.
fn fallbacks(options: &Options, store: &Store, device: &Device) -> Vec<String> {
    let mut fallbacks = Vec::new();
    let precision = options.flash_attention.as_ref().map_or(Precision::F32, |flash| flash.precision);
    if precision == Precision::F16 && !device.has_halves() {
        fallbacks.push("`flash_attention`: no 16-bit floats in kernels here; 32-bit floats were multiplied".to_owned());
    }
    if store.cost.alone {
        fallbacks.push("`parallel_loading`: no workers here; components were loaded one after the other".to_owned());
    }
    let verify = options.progressive_loading.as_ref().is_some_and(|loading| loading.verify);
    if verify && cfg!(target_arch = "wasm32") && store.cost.fetched_bytes > 0 && store.remarks.verified == 0 {
        fallbacks
            .push("`progressive_loading`: nothing was verified: the server or the browser has no digests".to_owned());
    }
    if let Some(why) = &store.remarks.unkept {
        fallbacks.push(format!("`parallel_loading`: not everything is kept for the next start ({why})"));
    }
    fallbacks
}

/// What the user should know about how a model was loaded.
fn warnings(declared: &[Declared], options: &Options, store: &Store) -> Vec<String> {
    let mut warnings = format::warnings(declared, options);
    if let Some(Narrowed { to, from, of }) = store.cost.narrowed {
        warnings.push(format!("{to} bytes at a time were fetched instead of {from}: {of} had no more room"));
    }
    warnings
}

/// What this host holds besides devices: in a browser the module's heap. A page adds what its browser tells.
fn footprint() -> Vec<Measure> {
    #[cfg(target_arch = "wasm32")]
    return vec![Measure::bytes("wasm_heap", core::arch::wasm32::memory_size::<0>() as u64 * 65536)];
    #[cfg(not(target_arch = "wasm32"))]
    Vec::new()
}

/// The names of a model's outputs, from the graph of its usual inputs.
fn output_names(model: &dyn Model) -> Result<Vec<String>> {
    let usual = model.inputs().iter().map(|input| (input.name.clone(), input.sample(0))).collect();
    let graph = model.graph(&model.prepare(&usual)?)?;
    Ok(graph.output_names().map(str::to_owned).collect())
}

#[expect(clippy::cast_precision_loss, reason = "byte counts stay far below 2^53")]
fn bits(metric: &str, values: u64, bytes: u64) -> Measure {
    Measure { metric: metric.to_owned(), value: bytes as f64 * 8.0 / values as f64, unit: "bits".to_owned() }
}

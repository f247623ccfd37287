//! The front end of a loaded audio model: samples → features, on the CPU or as compute shaders whose result stays
//! where the model reads it.

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    audio::{Cut, Extractor, Settings, cut},
    clock,
    device::{Buffer, Category, Device, Space},
    error::{Error, Result},
    graph::{Graph, Plan},
    load::{Config, Folder},
    program::{Program, States, Timed},
    protocol::{Tensor, Tensors},
};

/// Mono clips `[clips, samples]` at the model's rate, in place of features.
pub const SAMPLES: &str = "samples";
/// How many samples each clip has `[clips]`; all of them when it is left out.
pub const SAMPLE_COUNTS: &str = "sample_counts";
const FILE: &str = "preprocessor_config.json";

/// Makes features of samples.
pub struct FrontEnd {
    extractor: Extractor,
    compute_shaders: bool,
    ready: Option<Ready>,
    landing: Option<Buffer>,
}

/// The program for cuts of some shapes.
struct Ready {
    shapes: Vec<(String, Vec<usize>)>,
    program: Program,
    samples: Rc<Buffer>,
    /// Samples at the start of each row that are no padding.
    filled: Vec<usize>,
    features: Rc<Buffer>,
    shape: Vec<usize>,
}

/// Inputs of a model whose samples have become features.
pub struct Heard {
    /// The inputs; features that are on the device are absent here.
    pub inputs: Tensors,
    /// Inputs that are on the device.
    pub resident: States,
    /// Whether they are in another buffer than the last time.
    pub moved: bool,
}

/// The plan of features, the buffer they are in, and their shape.
struct Planned {
    plan: Plan,
    buffer: usize,
    shape: Vec<usize>,
}

/// What will be heard.
pub struct Forecast {
    /// Inputs of the model; the features are absent.
    pub inputs: Tensors,
    /// Those that will be on the device.
    pub resident: Vec<String>,
    /// What a GPU will do for them.
    pub plan: Option<Plan>,
}

impl FrontEnd {
    /// The front end of a model, if it is one for audio, from the folder's settings or the published ones.
    ///
    /// # Errors
    /// When a setting isn't supported, or compute shaders are asked for on a CPU.
    pub async fn open(
        config: &Config,
        folder: Option<&Folder>,
        compute_shaders: bool,
        device: &Device,
    ) -> Result<Option<Self>> {
        let model_type = config.word("model_type", "")?;
        if !Extractor::MODEL_TYPES.contains(&model_type) {
            return if compute_shaders { Err(not_for("a model without an audio front end")) } else { Ok(None) };
        }
        if compute_shaders && matches!(device, Device::Cpu) {
            return Err(not_for("a CPU"));
        }
        let text = match folder {
            Some(folder) => folder.read(FILE).await?,
            None => None,
        };
        let settings = match text {
            Some(text) => Settings::parse(&text)?,
            None => Settings::published(model_type, config.value()),
        };
        let extractor = Extractor::new(model_type, &settings)?;
        Ok(Some(Self { extractor, compute_shaders, ready: None, landing: None }))
    }

    /// Samples per second.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        self.extractor.sampling_rate()
    }

    /// Makes features of the samples among `inputs`.
    ///
    /// # Errors
    /// When samples are unusable, or the device has no room.
    pub async fn hear(&mut self, inputs: &Tensors, space: &Space) -> Result<Heard> {
        let samples = inputs.get(SAMPLES).ok_or_else(|| Error::internal("no samples"))?;
        let clips = clips(samples, inputs.get(SAMPLE_COUNTS))?;
        let mut inputs = without_sound(inputs);
        if !self.compute_shaders {
            inputs.extend(self.extractor.extract(&clips, &mut middle)?);
            return Ok(Heard { inputs, resident: States::new(), moved: false });
        }
        let cut = self.extractor.cut(&clips, &mut middle)?;
        let moved = self.make_ready(&cut, space).await?;
        let ready = self.ready.as_mut().ok_or_else(|| Error::internal("no program"))?;
        ready.fill(&cut)?;
        ready.program.submit(&cut.inputs)?;
        let name = self.extractor.features().to_owned();
        inputs.extend(cut.others);
        inputs.insert(name.clone(), Tensor::absent(&ready.shape));
        Ok(Heard { inputs, resident: BTreeMap::from([(name, Rc::clone(&ready.features))]), moved })
    }

    /// Where features are made on the device: a clip of some seconds instead of features.
    pub fn prefer_samples(&self, inputs: &mut Tensors) {
        const SECONDS: usize = 10;
        if self.compute_shaders && inputs.remove(self.extractor.features()).is_some() {
            let count = SECONDS * self.sampling_rate() as usize;
            inputs.insert(SAMPLES.to_owned(), Tensor::f32(&[1, count], vec![0.0; count]));
        }
    }

    /// What [`Self::hear`] will give for such inputs, and the plan of what a GPU has to do for it.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub fn forecast(&self, inputs: &Tensors) -> Result<Forecast> {
        let Some(samples) = inputs.get(SAMPLES) else {
            return Ok(Forecast { inputs: inputs.clone(), resident: Vec::new(), plan: None });
        };
        let clips = clips(samples, inputs.get(SAMPLE_COUNTS))?;
        let cut = self.extractor.cut(&clips, &mut middle)?;
        let planned = self.plan(&cut)?;
        let name = self.extractor.features().to_owned();
        let mut inputs = without_sound(inputs);
        inputs.extend(cut.others);
        inputs.insert(name.clone(), Tensor::absent(&planned.shape));
        if self.compute_shaders {
            Ok(Forecast { inputs, resident: vec![name], plan: Some(planned.plan) })
        } else {
            Ok(Forecast { inputs, resident: Vec::new(), plan: None })
        }
    }

    /// Makes features and waits until they are where the model reads them; the milliseconds that took.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub async fn time(&mut self, inputs: &Tensors, space: &Space) -> Result<f64> {
        let started = clock::now();
        let heard = self.hear(inputs, space).await?;
        if !self.compute_shaders && !matches!(space.device(), Device::Cpu) {
            self.land(&heard.inputs, space)?;
        }
        space.finish().await?;
        Ok(clock::now() - started)
    }

    /// Milliseconds of a call where samples are on the device already and nobody waits for it: the time of many, from
    /// one wait to the next, by their number. `None` where the CPU makes features.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub async fn time_calls(&mut self, inputs: &Tensors, space: &Space) -> Result<Option<f64>> {
        const CALLS: u32 = 40;
        let Some(samples) = inputs.get(SAMPLES).filter(|_| self.compute_shaders) else { return Ok(None) };
        let clips = clips(samples, inputs.get(SAMPLE_COUNTS))?;
        let cut = self.extractor.cut(&clips, &mut middle)?;
        self.make_ready(&cut, space).await?;
        let ready = self.ready.as_mut().ok_or_else(|| Error::internal("no program"))?;
        ready.fill(&cut)?;
        space.finish().await?;
        let started = clock::now();
        for _ in 0..CALLS {
            ready.program.submit(&cut.inputs)?;
        }
        space.finish().await?;
        Ok(Some((clock::now() - started) / f64::from(CALLS)))
    }

    /// What the operations on the device take by themselves, with the clock that says so; none where the CPU makes
    /// features. What they write is of no use afterwards.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub async fn trace(&mut self, inputs: &Tensors, space: &Space) -> Result<Option<(&'static str, Vec<Timed>)>> {
        let Some(samples) = inputs.get(SAMPLES).filter(|_| self.compute_shaders) else { return Ok(None) };
        let clips = clips(samples, inputs.get(SAMPLE_COUNTS))?;
        let cut = self.extractor.cut(&clips, &mut middle)?;
        self.make_ready(&cut, space).await?;
        let ready = self.ready.take().ok_or_else(|| Error::internal("no program"))?;
        Ok(Some((ready.program.clock(), ready.program.trace(&[], &cut.inputs, space).await?)))
    }

    /// Brings features that the CPU made to the device, as the pass that reads them would.
    fn land(&mut self, inputs: &Tensors, space: &Space) -> Result<()> {
        let features = inputs.get(self.extractor.features()).map_or(&[][..], Tensor::bytes);
        let landing = self.landing.take().filter(|landing| landing.bytes() == features.len() as u64);
        let landing = match landing {
            Some(landing) => landing,
            None => space.create(Category::Upload, features.len() as u64)?,
        };
        landing.write(0, features)?;
        self.landing = Some(landing);
        Ok(())
    }

    /// Features as the model gets them, back on the CPU.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub async fn features(&mut self, inputs: &Tensors, space: &Space) -> Result<Tensors> {
        let mut heard = self.hear(inputs, space).await?;
        for (name, buffer) in &heard.resident {
            let words = space.read(buffer).await?;
            let shape = heard.inputs[name].shape.clone();
            let words =
                words.get(..shape.iter().product()).ok_or_else(|| Error::internal("features without a buffer"))?;
            heard.inputs.insert(name.clone(), Tensor::f32(&shape, bytemuck::cast_slice(words).to_vec()));
        }
        Ok(heard.inputs)
    }

    /// Has a program for cuts of these shapes, and says whether it is another one than before.
    async fn make_ready(&mut self, cut: &Cut<'_>, space: &Space) -> Result<bool> {
        let shapes = cut.shapes();
        if self.ready.as_ref().is_some_and(|ready| ready.shapes == shapes) {
            return Ok(false);
        }
        self.ready = None;
        let Planned { plan, buffer, shape } = self.plan(cut)?;
        let port = plan.states.first().ok_or_else(|| Error::internal("features of no samples"))?;
        let samples = Rc::new(space.create(Category::Activations, plan.buffers[port.buffer])?);
        let states = BTreeMap::from([(port.name.clone(), samples.clone())]);
        let program = Program::with_states(plan, &[], &states, space).await?;
        let features = program.buffer(buffer)?;
        // The buffer begins with zeros, which may not be what padding is.
        let filled = vec![if cut.padding == 0.0 { 0 } else { cut.width }; cut.rows.len()];
        self.ready = Some(Ready { shapes, program, samples, filled, features, shape });
        Ok(true)
    }

    /// Features of a cut as a plan.
    fn plan(&self, cut: &Cut<'_>) -> Result<Planned> {
        let name = self.extractor.features();
        let mut graph = Graph::new();
        let features = self.extractor.graph(&mut graph, cut)?;
        let shape = graph.shape(features).to_vec();
        graph.output(name, features);
        // Samples are written there piece by piece.
        graph.reside(cut::SAMPLES);
        let mut plan = Plan::new(&graph, &[name.to_owned()])?;
        // Nothing is read back: the output stays where it is.
        let port = plan.outputs.pop().ok_or_else(|| Error::internal("no features"))?;
        Ok(Planned { plan, buffer: port.buffer, shape })
    }
}

impl Ready {
    /// Writes the samples of a cut to where the program reads them.
    fn fill(&mut self, cut: &Cut<'_>) -> Result<()> {
        for ((index, row), filled) in cut.rows.iter().enumerate().zip(&mut self.filled) {
            let mut end = 0;
            let mut write = |samples: &[f32]| {
                self.samples.write(4 * (index * cut.width + end) as u64, bytemuck::cast_slice(samples))?;
                end += samples.len();
                Result::Ok(())
            };
            row.pieces.iter().try_for_each(|piece| write(piece))?;
            let known = row.pieces.iter().map(|piece| piece.len()).sum();
            if known < *filled {
                write(&vec![cut.padding; *filled - known])?;
            }
            *filled = known;
        }
        Ok(())
    }
}

/// Where a long clip is cut: in the middle of where it can be, so that a run can be repeated.
fn middle(places: usize) -> usize {
    places / 2
}

/// Inputs without what features are made of.
fn without_sound(inputs: &Tensors) -> Tensors {
    let others = inputs.iter().filter(|(name, _)| *name != SAMPLES && *name != SAMPLE_COUNTS);
    others.map(|(name, tensor)| (name.clone(), tensor.clone())).collect()
}

fn not_for(what: &str) -> Error {
    Error::unsupported(format!("compute shaders are not for {what}")).expected("an audio model on a GPU")
}

/// The samples of every clip.
fn clips<'a>(samples: &'a Tensor, counts: Option<&Tensor>) -> Result<Vec<&'a [f32]>> {
    let unusable = |what: &str, expected: String, found: String| {
        Error::model("unusable value").of(what).expected(expected).found(found)
    };
    let (&[clips, longest], Some(values)) = (samples.shape.as_slice(), samples.as_f32()) else {
        return Err(unusable(SAMPLES, "floats [clips, samples]".into(), format!("{:?}", samples.shape)));
    };
    let all = vec![i32::try_from(longest).unwrap_or(i32::MAX); clips];
    let counts = counts.map_or(Some(all.as_slice()), Tensor::as_i32).unwrap_or_default();
    if counts.len() != clips {
        return Err(unusable(SAMPLE_COUNTS, format!("{clips} integers"), counts.len().to_string()));
    }
    let clip = |(row, &count): (&'a [f32], &i32)| {
        let known = usize::try_from(count).ok().and_then(|count| row.get(..count));
        known.ok_or_else(|| unusable(SAMPLE_COUNTS, format!("0 to {longest}"), count.to_string()))
    };
    values.chunks_exact(longest.max(1)).zip(counts).map(clip).collect()
}

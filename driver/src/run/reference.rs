//! What should come out: the engine in f32 on the CPU of this process.

use std::path::PathBuf;
use std::sync::Arc;

use matrix_engine::audio::Extractor;
use matrix_engine::front_end::SAMPLES;
use matrix_engine::host::Host;
use matrix_engine::protocol::{ModelInfo, Options, Outcome, Platform, Step, Tensor, Tensors};

use super::importance;
use super::model::{Located, described, locate};
use super::workload::{SEED, Taken, Workload, made_up_inputs};
use crate::error::Error;
use crate::input::audio::{SECONDS, made_up};
use crate::input::sources::Medium;
use crate::input::{Inputs, Sources, inputs_for, prompt_length};
use crate::plan::{Model, Scenario};

/// A model with a scenario: what goes in, and what comes out in f32 on the CPU.
#[derive(Debug)]
pub struct Reference {
    /// Where the weights are.
    pub located: Located,
    /// What goes in.
    pub inputs: Tensors,
    /// What was assumed to make it.
    pub notes: Vec<String>,
    /// What is computed.
    pub workload: Workload,
    /// What the f32 CPU path makes of the inputs.
    pub expected: Tensors,
    /// The ids that it chose on the way, a row for each sequence.
    pub ids: Vec<Vec<i32>>,
}

impl Reference {
    /// Tokens of the prompt, where a model continues one.
    #[must_use]
    pub fn prompt(&self) -> Option<usize> {
        let continues = matches!(self.workload, Workload::Generate { .. });
        self.inputs.get("input_ids").filter(|_| continues)?.shape.last().copied()
    }
}

/// References by model and scenario, each computed once.
#[derive(Default)]
pub struct References {
    known: Vec<((Model, Scenario), Computed)>,
    looked_at: Vec<(Set, Looked)>,
}

type Computed = Result<Arc<Reference>, Arc<Error>>;
/// A model with a scenario and a calibration set.
type Set = (Model, Scenario, Vec<String>);
type Looked = Result<PathBuf, Arc<Error>>;

impl References {
    /// The reference of a model with a scenario.
    ///
    /// # Errors
    /// When the weights are missing or wrong, or the input can't be made.
    pub async fn get(&mut self, model: &Model, scenario: &Scenario) -> Computed {
        let key = (model.clone(), scenario.clone());
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == key) {
            return known.clone();
        }
        let (model, scenario) = key.clone();
        let computed = beside(async move || compute(&model, &scenario).await).await.map(Arc::new);
        self.known.push((key, computed.clone()));
        computed
    }

    /// The folder of what a model's layers are given over a calibration set.
    ///
    /// # Errors
    /// When the weights are missing or wrong, or the set can't be used.
    pub async fn importance(&mut self, model: &Model, scenario: &Scenario, set: &[String]) -> Looked {
        let key = (model.clone(), scenario.clone(), set.to_vec());
        if let Some((_, known)) = self.looked_at.iter().find(|(known, _)| *known == key) {
            return known.clone();
        }
        let (model, scenario, set) = key.clone();
        let looked = beside(async move || importance::folder(&model, &scenario, &set).await).await;
        self.looked_at.push((key, looked.clone()));
        looked
    }
}

/// Has the engine of this process compute something, away from the threads that talk to browsers.
async fn beside<T: Send + 'static>(
    work: impl AsyncFnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Arc<Error>> {
    let runtime = tokio::runtime::Handle::current();
    let computed = tokio::task::spawn_blocking(move || runtime.block_on(work())).await;
    let failed = |panic| Err(Error::internal(format!("the engine on the CPU failed: {panic}")));
    computed.unwrap_or_else(failed).map_err(Arc::new)
}

/// The engine of this process with a model in a slot, in f32 on the CPU.
pub(super) async fn loaded(model: &Model, located: &Located, slot: &str) -> Result<(Host, ModelInfo), Error> {
    let mut host = Host::new("");
    let load = Step::Load {
        slot: slot.into(),
        platform: Platform::NativeCpu,
        model: located.native_source(),
        options: Options::default(),
        work: Vec::new(),
    };
    match host.perform(load).await {
        Outcome::Loaded { model, .. } => Ok((host, model)),
        other => Err(refused(model, &other)),
    }
}

async fn compute(model: &Model, scenario: &Scenario) -> Result<Reference, Error> {
    const SLOT: &str = "reference";
    let located = locate(model)?;
    let (mut host, info) = loaded(model, &located, SLOT).await?;
    let Inputs { tensors: inputs, notes } = inputs_of(model, &info, scenario)?;
    let workload = Workload::of(&info, &inputs, scenario);
    let outcome = host.perform(workload.check(SLOT, &inputs, &[])).await;
    if let Outcome::Failed { .. } = outcome {
        return Err(refused(model, &outcome));
    }
    match Taken::of(outcome) {
        Some(Taken { outputs, ids, .. }) => Ok(Reference { located, inputs, notes, workload, expected: outputs, ids }),
        None => Err(Error::internal(format!("{}: the CPU path gave no outputs", model.name))),
    }
}

/// What the user gives a model, as far as it suffices; made up otherwise.
fn inputs_of(model: &Model, info: &ModelInfo, scenario: &Scenario) -> Result<Inputs, Error> {
    let folder = described(model)?;
    let media = folder.media();
    let sources = Sources::from(scenario).only(media);
    let reads_only = media == [Medium::Text];
    if media.is_empty() || !sources.suffice(media) || (reads_only && folder.path().is_none()) {
        let (tokens, note) = prompt_length(&folder, scenario.tokens, scenario.decode);
        let mut tensors = made_up_inputs(info, tokens, reads_only, SEED);
        if let Some(extractor) = folder.extractor()? {
            hear_something(&extractor, media == [Medium::Audio], scenario, &mut tensors);
        }
        return Ok(Inputs { tensors, notes: note.filter(|_| reads_only).into_iter().collect() });
    }
    inputs_for(&folder, folder.model_type(), &sources)
}

/// Puts a made-up sound in the place of made-up features.
fn hear_something(extractor: &Extractor, hears_only: bool, scenario: &Scenario, tensors: &mut Tensors) {
    tensors.remove(extractor.features());
    tensors.remove("is_longer");
    if hears_only {
        // It is the sound's, and made with the features.
        tensors.remove("attention_mask");
    }
    let sound = made_up(extractor.sampling_rate(), scenario.seconds.unwrap_or(SECONDS));
    tensors.insert(SAMPLES.into(), Tensor::f32(&[1, sound.len()], sound));
}

/// What the engine on the CPU says about a model.
fn refused(model: &Model, outcome: &Outcome) -> Error {
    match outcome {
        Outcome::Failed { message, .. } => Error::usage(format!("{}: {message}", model.name)),
        other => Error::internal(format!("{}: the CPU path answered {other:?}", model.name)),
    }
}

//! Reference cases: inputs and outputs computed by another implementation, and how close is close enough.
//!
//! A case is a folder with `case.json` (runs, tensors, tolerances) and `case.safetensors` (their values)
//! beside the model's files. The same comparison serves native devices and browsers.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{
    error::{Error, Result},
    generate::STEP_LOGITS,
    load::{Dtype, Folder, header},
    protocol::{Decode, Outcome, Platform, Step, Tensor, Tensors},
};

/// Ids chosen greedily.
const GREEDY: &str = "greedy";

/// A folder's runs.
#[derive(Debug)]
pub struct Case {
    /// Name of the model, e.g. `bert_mlm`.
    pub family: String,
    /// The runs, in the order of the file.
    pub runs: Vec<Run>,
}

/// Inputs and what they should give.
#[derive(Debug)]
pub struct Run {
    /// `main`, `padded`, …
    pub name: String,
    /// Inputs by their Hugging Face names.
    pub inputs: Tensors,
    /// Outputs to compare.
    pub outputs: Vec<Expected>,
    /// How many ids to generate, where ids are expected.
    pub generate: Option<usize>,
}

/// One expected output.
#[derive(Debug)]
pub struct Expected {
    /// Its name, as the engine calls it.
    pub name: String,
    /// Its values.
    pub tensor: Tensor,
    /// The bound on a difference, on a CPU in f32.
    pub tolerance_abs: f64,
}

/// How far one output is off.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Name of the output.
    pub output: String,
    /// max |got - expected|
    pub max_abs: f64,
    /// max |got - expected| / max |expected|
    pub max_rel: f64,
    /// The bound on `max_abs`.
    pub bound: f64,
    /// Whether it holds.
    pub ok: bool,
}

#[derive(Deserialize)]
struct File {
    family: String,
    runs: Vec<FileRun>,
}

#[derive(Deserialize)]
struct FileRun {
    name: String,
    prefix: String,
    inputs: Vec<FileTensor>,
    outputs: Vec<FileTensor>,
}

#[derive(Deserialize)]
struct FileTensor {
    name: String,
    tolerance_abs: Option<f64>,
}

impl Case {
    /// Reads a case's folder.
    pub async fn read(folder: &Path) -> Result<Self> {
        const JSON: &str = "case.json";
        const TENSORS: &str = "case.safetensors";
        let at = folder.display().to_string();
        let folder = Folder::new("", &at);
        let missing = |file: &str| Error::model("no reference case").of(at.clone()).expected(file.to_owned());
        let json = folder.read(JSON).await?.ok_or_else(|| missing(JSON))?;
        let file: File = serde_json::from_slice(&json).map_err(|error| Error::model(error.to_string()).of(JSON))?;
        let length = folder.length(TENSORS).await?.ok_or_else(|| missing(TENSORS))?;
        let entries = header::read(&folder, TENSORS, length).await?;
        let mut tensors = BTreeMap::new();
        for (name, entry) in entries {
            let bytes = folder.range(TENSORS, entry.start, entry.length).await?.bytes();
            tensors.insert(name.clone(), tensor(&entry, &bytes).map_err(|error| error.of(format!("'{name}'")))?);
        }
        let runs = file.runs.into_iter().map(|run| Run::new(run, &tensors)).collect::<Result<_>>();
        Ok(Self { family: file.family, runs: runs.map_err(|error| error.of(JSON))? })
    }
}

impl Run {
    fn new(run: FileRun, tensors: &Tensors) -> Result<Self> {
        let find = |name: &str| {
            let tensor = tensors.get(name).cloned();
            tensor.ok_or_else(|| Error::model("missing tensor").of("case.safetensors").expected(format!("'{name}'")))
        };
        let mut inputs = Tensors::new();
        for input in run.inputs {
            let short = input.name.strip_prefix(&run.prefix).unwrap_or(&input.name);
            inputs.insert(short.to_owned(), find(&input.name)?);
        }
        let mut outputs = Vec::new();
        let prefix = format!("{}expected.", run.prefix);
        for output in run.outputs {
            let Some(name) = output.name.strip_prefix(&prefix) else { continue };
            let tolerance_abs = output.tolerance_abs.unwrap_or(0.0);
            outputs.push(Expected { name: name.to_owned(), tensor: find(&output.name)?, tolerance_abs });
        }
        let ids = outputs.iter().find(|expected| expected.name == GREEDY);
        let generate = ids.and_then(|ids| ids.tensor.shape.get(1).copied());
        Ok(Self { name: run.name, inputs, outputs, generate })
    }

    /// Names of the outputs of a forward pass to ask for.
    #[must_use]
    pub fn output_names(&self) -> Vec<String> {
        let generated = [GREEDY, STEP_LOGITS];
        let forward = self.outputs.iter().filter(|expected| !generated.contains(&expected.name.as_str()));
        forward.map(|expected| expected.name.clone()).collect()
    }

    /// What to ask a host for, to compare everything this run expects. [`merge`] puts the answers together.
    #[must_use]
    pub fn steps(&self, slot: &str) -> Vec<Step> {
        // Raw images and sounds are for the preparation of inputs, which has tests of its own.
        let inputs: Tensors = self.inputs.clone().into_iter().filter(|(name, _)| !name.starts_with("raw_")).collect();
        let mut steps = Vec::new();
        let outputs = self.output_names();
        if !outputs.is_empty() {
            steps.push(Step::Infer { slot: slot.to_owned(), inputs: inputs.clone(), outputs, reply: true });
        }
        if let Some(tokens) = self.generate {
            let max_tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
            let step_logits = self.outputs.iter().any(|expected| expected.name == STEP_LOGITS);
            let decode = Decode { step_logits, ..Decode::greedy(max_tokens) };
            steps.push(Step::Generate { slot: slot.to_owned(), inputs, decode, outputs: Vec::new(), reply: true });
        }
        steps
    }
}

/// The outputs of the outcomes of [`Run::steps`], by the names of the expected ones.
pub fn merge(outcomes: Vec<Outcome>) -> Result<Tensors> {
    let mut all = Tensors::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Inferred { outputs, .. } => all.extend(outputs),
            Outcome::Generated { tokens, outputs, .. } => {
                all.extend(outputs);
                all.insert(GREEDY.to_owned(), tokens);
            }
            Outcome::Failed { message, .. } => return Err(Error::model(message)),
            other => return Err(Error::internal("no outputs").found(format!("{other:?}"))),
        }
    }
    Ok(all)
}

/// Compares every expected output of `run` with `got`, by the bounds of `platform`.
pub fn compare(run: &Run, got: &Tensors, platform: Platform) -> Result<Vec<Row>> {
    let mask = run.inputs.get("attention_mask");
    run.outputs
        .iter()
        .map(|expected| {
            let got = got.get(&expected.name).ok_or_else(|| {
                Error::model("missing output").of(run.name.clone()).expected(format!("'{}'", expected.name))
            })?;
            row(expected, got, mask, platform).map_err(|error| error.of(format!("{}: {}", run.name, expected.name)))
        })
        .collect()
}

fn row(expected: &Expected, got: &Tensor, mask: Option<&Tensor>, platform: Platform) -> Result<Row> {
    if let (Some(want), Some(values)) = (expected.tensor.as_i32(), got.as_i32()) {
        return Ok(ids_row(expected, want, got, values));
    }
    let (Some(want), Some(values)) = (expected.tensor.as_f32(), got.as_f32()) else {
        return Err(Error::model("an output of another type"));
    };
    if expected.tensor.shape != got.shape {
        let shape = format!("{:?}", expected.tensor.shape);
        return Err(Error::model("wrong shape").expected(shape).found(format!("{:?}", got.shape)));
    }
    // The reference computes masked positions too, but nobody may rely on them.
    let positions = mask.and_then(|mask| {
        let per_position = expected.tensor.shape.get(..2) == Some(&mask.shape) && expected.tensor.shape.len() > 2;
        per_position.then(|| mask.as_i32()).flatten()
    });
    let width = positions.map_or(1, |mask| want.len() / mask.len().max(1)).max(1);
    let (mut max_abs, mut largest) = (0.0_f64, 0.0_f64);
    for (index, (&want, &value)) in want.iter().zip(values).enumerate() {
        if positions.is_some_and(|mask| mask.get(index / width) == Some(&0)) {
            continue;
        }
        let difference = (f64::from(value) - f64::from(want)).abs();
        max_abs = if difference.is_nan() { f64::INFINITY } else { max_abs.max(difference) };
        largest = largest.max(f64::from(want).abs());
    }
    let bound = match platform {
        Platform::NativeCpu | Platform::Wasm => expected.tolerance_abs,
        // Other orders of summation, fused multiply-add, other exp.
        Platform::NativeGpu | Platform::Webgpu => (20.0 * expected.tolerance_abs).max(1e-4 * largest),
    };
    let max_rel = if largest > 0.0 { max_abs / largest } else { max_abs };
    Ok(Row { output: expected.name.clone(), max_abs, max_rel, bound, ok: max_abs <= bound })
}

/// Ids are equal or not: the difference is the share of those that differ.
#[expect(clippy::cast_precision_loss, reason = "a few ids")]
fn ids_row(expected: &Expected, want: &[i32], got: &Tensor, values: &[i32]) -> Row {
    let equal = want.iter().zip(values).filter(|(want, value)| want == value).count();
    let off = if expected.tensor.shape == got.shape { want.len() - equal } else { want.len() };
    let share = off as f64 / want.len().max(1) as f64;
    Row { output: expected.name.clone(), max_abs: share, max_rel: share, bound: 0.0, ok: off == 0 }
}

fn tensor(entry: &header::Entry, bytes: &[u8]) -> Result<Tensor> {
    let unusable = || Error::model("unusable values").found(entry.dtype.clone());
    match Dtype::parse(&entry.dtype).ok_or_else(unusable)? {
        dtype @ (Dtype::F32 | Dtype::F16 | Dtype::Bf16) => {
            Ok(Tensor::f32(&entry.shape, dtype.to_f32(bytes).ok_or_else(unusable)?))
        }
        dtype => Ok(Tensor::i32(&entry.shape, dtype.to_i32(bytes).ok_or_else(unusable)?)),
    }
}

//! A copy of a reference model that a test may change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use matrix_engine::{
    conformance::{Case, compare},
    host::Host,
    protocol::{FailureKind, Memory, ModelInfo, ModelSource, Options, Outcome, Platform, Step, Tensors},
};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;

/// A copy of a reference model that a test may spoil; removed when it goes out of scope.
pub struct Copy(pub PathBuf);

pub type Raw = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

impl Copy {
    pub fn of(family: &str, name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(family);
        let to = std::env::temp_dir().join(format!("matrix-engine-{}-{name}", std::process::id()));
        fs::create_dir_all(&to).expect("a temporary folder");
        for file in ["config.json", "model.safetensors", "case.json", "case.safetensors"] {
            fs::copy(from.join(file), to.join(file)).expect("copies");
        }
        Self(to)
    }

    pub fn weights(&self) -> Raw {
        let bytes = fs::read(self.0.join("model.safetensors")).expect("readable");
        let file = SafeTensors::deserialize(&bytes).expect("valid");
        file.iter()
            .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
            .collect()
    }

    pub fn write(&self, file: &str, weights: &Raw) {
        let views = weights.iter().map(|(name, (dtype, shape, bytes))| {
            (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).expect("consistent"))
        });
        fs::write(self.0.join(file), safetensors::serialize(views, None).expect("serialises")).expect("writable");
    }

    pub fn change_weights(&self, change: impl FnOnce(&mut Raw)) {
        let mut weights = self.weights();
        change(&mut weights);
        self.write("model.safetensors", &weights);
    }

    pub fn change_config(&self, key: &str, value: impl Into<Value>) {
        let path = self.0.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("valid");
        config[key] = value.into();
        fs::write(path, config.to_string()).expect("writable");
    }

    pub fn source(&self) -> ModelSource {
        ModelSource::Folder { at: self.0.display().to_string() }
    }

    /// Loads the model and runs its case: the largest relative error of the outputs.
    pub fn error(&self, options: Options) -> f64 {
        let mut host = Host::new("");
        load(&mut host, self.source(), options);
        let case = pollster::block_on(Case::read(&self.0)).expect("readable");
        let rows = case.runs.iter().flat_map(|run| {
            let got = infer(&mut host, run.inputs.clone(), &run.output_names());
            compare(run, &got, Platform::NativeCpu).expect("comparable")
        });
        rows.map(|row| row.max_rel).fold(0.0, f64::max)
    }

    /// The message of a load that must fail because of the model, with the folder's name cut out.
    pub fn refusal(&self) -> String {
        let step = Step::Load {
            slot: "model".into(),
            platform: Platform::NativeCpu,
            model: self.source(),
            options: Options::default(),
            work: Vec::new(),
        };
        match pollster::block_on(Host::new("").perform(step)) {
            Outcome::Failed { kind: FailureKind::Model, message } => {
                message.replace(&format!("{}: ", self.0.display()), "")
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn load(host: &mut Host, model: ModelSource, options: Options) -> (BTreeMap<String, f64>, Memory, ModelInfo) {
    let step = Step::Load { slot: "model".into(), platform: Platform::NativeCpu, model, options, work: Vec::new() };
    match pollster::block_on(host.perform(step)) {
        Outcome::Loaded { measures, memory, model } => {
            (measures.into_iter().map(|measure| (measure.metric, measure.value)).collect(), memory, model)
        }
        other => panic!("not loaded: {other:?}"),
    }
}

pub fn infer(host: &mut Host, inputs: Tensors, outputs: &[String]) -> Tensors {
    let step = Step::Infer { slot: "model".into(), inputs, outputs: outputs.to_vec(), reply: true };
    match pollster::block_on(host.perform(step)) {
        Outcome::Inferred { outputs, .. } => outputs,
        other => panic!("not inferred: {other:?}"),
    }
}

pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}

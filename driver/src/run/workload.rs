//! What is timed in a cell: one forward pass, or a prompt and the tokens that follow it.

use matrix_engine::front_end::SAMPLES;
use matrix_engine::protocol::{Decode, InputKind, Measure, Memory, ModelInfo, Outcome, Sampling, Step, Tensors, Work};

use crate::plan::Scenario;

/// Logits of generated tokens, as the engine calls them.
const STEP_LOGITS: &str = "step_logits";
/// Logits of models that compare two things, and the embedding of the first.
const PAIRS: [(&str, &str); 3] =
    [("logits_per_image", "image_embeds"), ("logits_per_audio", "audio_embeds"), ("logits_per_video", "video_embeds")];
/// What an engine counts whose weights come and go.
const TRAFFIC: &[&str] = &["weight_hits", "weight_misses", "moved_bytes"];
/// What the first work tells of a load that ended during it.
const LOADED: &[&str] = &["load_time", "fetch_time", "convert_time", "verified_bytes", "early_stages"];
/// Most tokens whose logits are compared: by then differences between two models have shown.
const COMPARED_TOKENS: usize = 16;
/// Most logits that are compared, all sequences and tokens together: 8 MiB.
const COMPARED_LOGITS: usize = 1 << 21;
/// Inputs that are made up to be timed are always the same.
pub(super) const SEED: u64 = 1;

/// A computation, and which of its outputs is compared with the reference.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// A forward pass to one output.
    Forward {
        /// The output that is timed.
        output: String,
        /// The output that is compared: the same, or one that says more.
        compared: String,
    },
    /// A prompt is continued.
    Generate {
        /// Tokens that follow.
        tokens: u32,
        /// How they are chosen.
        choice: Sampling,
        /// Tokens whose logits are compared.
        compared: u32,
    },
}

/// What one run of a workload took.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taken {
    /// From the call until the result was on the CPU, in milliseconds.
    pub(super) total_ms: f64,
    /// Its parts, where it has some.
    pub(super) parts: Vec<Measure>,
    /// What weights that come and go did meanwhile.
    pub(super) traffic: Vec<Measure>,
    /// Bytes held.
    pub(super) memory: Memory,
    /// The outputs, when they were asked for.
    pub(super) outputs: Tensors,
    /// The ids that were generated, a row for each sequence.
    pub(super) ids: Vec<Vec<i32>>,
    /// How many shaders were there when they were needed, and how many had to be compiled first, on a GPU.
    pub(super) shaders: Vec<Measure>,
    /// What a load took that ended during the work.
    pub(super) loaded: Vec<Measure>,
}

impl Workload {
    /// What a user of a model wants of it: text that goes on, logits, the embedding of sentences, or what
    /// the model names last.
    #[must_use]
    pub fn of(info: &ModelInfo, inputs: &Tensors, scenario: &Scenario) -> Self {
        if info.generates {
            let (tokens, choice) = (scenario.decode, scenario.choice);
            let sequences = inputs.values().filter_map(|input| input.shape.first()).max().copied().unwrap_or(1);
            let fit = COMPARED_LOGITS / sequences.saturating_mul(info.vocabulary as usize).max(1);
            let compared = u32::try_from(fit.clamp(1, COMPARED_TOKENS)).map_or(1, |fit| fit.min(tokens.max(1)));
            return Self::Generate { tokens, choice, compared };
        }
        let sentences = inputs.contains_key("attention_mask");
        let has = |name: &str| info.outputs.iter().any(|output| output == name);
        // One image with one text has one logit, whose direction says nothing; its embedding does.
        let pair = PAIRS.iter().find(|(logits, embedding)| has(logits) && has(embedding));
        if let Some((output, compared)) = pair {
            return Self::Forward { output: (*output).into(), compared: (*compared).into() };
        }
        let wanted = ["logits", if sentences { "sentence_embedding" } else { "last_hidden_state" }];
        let output = wanted.into_iter().find(|name| has(name)).map(str::to_owned);
        let output = output.or_else(|| info.outputs.last().cloned()).unwrap_or_default();
        Self::Forward { compared: output.clone(), output }
    }

    /// The output that is compared with the reference.
    #[must_use]
    pub fn compared(&self) -> &str {
        match self {
            Self::Forward { compared, .. } => compared,
            Self::Generate { .. } => STEP_LOGITS,
        }
    }

    /// Whether what is compared are logits over a vocabulary or labels.
    #[must_use]
    pub fn is_logits(&self) -> bool {
        self.compared().ends_with("logits")
    }

    /// Whether what is compared are embeddings of sentences, a row for each.
    #[must_use]
    pub fn is_embedding(&self) -> bool {
        self.compared() == "sentence_embedding"
    }

    /// The step that computes what is compared. A generation goes the way of `forced`, which the reference took.
    #[must_use]
    pub fn check(&self, slot: &str, inputs: &Tensors, forced: &[Vec<i32>]) -> Step {
        match self {
            Self::Forward { compared, .. } => {
                Step::Infer { slot: slot.into(), inputs: inputs.clone(), outputs: vec![compared.clone()], reply: true }
            }
            Self::Generate { compared, .. } => {
                let forced = forced.to_vec();
                generate(slot, inputs, Decode { step_logits: true, forced, ..Decode::greedy(*compared) }, true)
            }
        }
    }

    /// The first thing asked of a fresh page: one pass, or a prompt and its first token.
    #[must_use]
    pub fn first(&self, slot: &str, inputs: &Tensors) -> Step {
        match self {
            Self::Forward { .. } => self.timed(slot, inputs),
            Self::Generate { choice, .. } => {
                generate(slot, inputs, Decode { sampling: *choice, ..Decode::greedy(1) }, false)
            }
        }
    }

    /// What will be computed for the first time and then be timed: what shaders are precompiled for.
    #[must_use]
    pub fn ahead(&self, inputs: &Tensors) -> Work {
        let inputs = inputs.clone();
        match self {
            Self::Forward { output, .. } => Work { inputs, outputs: vec![output.clone()], decode: Vec::new() },
            Self::Generate { tokens, choice, .. } => {
                let decode = [1, *tokens].map(|tokens| Decode { sampling: *choice, ..Decode::greedy(tokens) });
                Work { inputs, outputs: Vec::new(), decode: decode.to_vec() }
            }
        }
    }

    /// The step that makes features of sound, if some is heard.
    #[must_use]
    pub fn hear(&self, slot: &str, inputs: &Tensors) -> Option<Step> {
        let step = || Step::Hear { slot: slot.into(), inputs: inputs.clone(), budget_ms: 0.0 };
        inputs.contains_key(SAMPLES).then(step)
    }

    /// The step that times the operations of what is timed, one by one.
    #[must_use]
    pub fn traced(&self, slot: &str, inputs: &Tensors) -> Step {
        let (outputs, decode) = match self {
            Self::Forward { output, .. } => (vec![output.clone()], None),
            Self::Generate { tokens, choice, .. } => {
                (Vec::new(), Some(Decode { sampling: *choice, ..Decode::greedy(*tokens) }))
            }
        };
        Step::Trace { slot: slot.into(), inputs: inputs.clone(), outputs, decode }
    }

    /// The step that is timed.
    #[must_use]
    pub fn timed(&self, slot: &str, inputs: &Tensors) -> Step {
        match self {
            Self::Forward { output, .. } => {
                let outputs = vec![output.clone()];
                Step::Infer { slot: slot.into(), inputs: inputs.clone(), outputs, reply: false }
            }
            Self::Generate { tokens, choice, .. } => {
                generate(slot, inputs, Decode { sampling: *choice, ..Decode::greedy(*tokens) }, false)
            }
        }
    }
}

fn generate(slot: &str, inputs: &Tensors, decode: Decode, reply: bool) -> Step {
    Step::Generate { slot: slot.into(), inputs: inputs.clone(), decode, outputs: Vec::new(), reply }
}

impl Taken {
    /// Reads the outcome of a workload's step; none when it is not one.
    pub(super) fn of(outcome: Outcome) -> Option<Self> {
        let time = |measures: &[Measure], metric: &str| {
            let found = measures.iter().find(|measure| measure.metric == metric).map(|measure| measure.value);
            found.filter(|time| time.is_finite() && *time >= 0.0)
        };
        let shaders = |measures: &[Measure]| {
            let shaders = measures.iter().filter(|measure| measure.metric.starts_with("shader_"));
            shaders.cloned().collect()
        };
        let named = |measures: &[Measure], names: &[&str]| -> Vec<Measure> {
            let is_named = |measure: &&Measure| names.contains(&measure.metric.as_str());
            measures.iter().filter(is_named).filter(|measure| measure.value.is_finite()).cloned().collect()
        };
        match outcome {
            Outcome::Inferred { measures, memory, outputs } => Some(Self {
                total_ms: time(&measures, "infer_time")?,
                traffic: named(&measures, TRAFFIC),
                loaded: named(&measures, LOADED),
                parts: Vec::new(),
                memory,
                outputs,
                ids: Vec::new(),
                shaders: shaders(&measures),
            }),
            Outcome::Generated { measures, memory, outputs, tokens: chosen } => {
                let prefill = time(&measures, "prefill_time")?;
                let optional = |metric: &str| time(&measures, metric).unwrap_or(0.0);
                let encode = optional("hear_time") + optional("encode_time");
                let (decode, tokens) = (time(&measures, "decode_time")?, time(&measures, "decode_tokens")?);
                let mut parts = vec![Measure::ms("prefill_time", encode + prefill)];
                if tokens > 0.0 {
                    parts.push(Measure::ms("token_time", decode / tokens));
                }
                let width = chosen.shape.last().copied().unwrap_or(1).max(1);
                let ids = chosen.as_i32()?.chunks(width).map(<[i32]>::to_vec).collect();
                // Not the sum of the parts: the first time, shaders are compiled in front of them.
                let total_ms = time(&measures, "time_to_first_token")? + decode;
                let (traffic, loaded) = (named(&measures, TRAFFIC), named(&measures, LOADED));
                Some(Self { total_ms, parts, traffic, memory, outputs, ids, shaders: shaders(&measures), loaded })
            }
            _ => None,
        }
    }
}

/// Inputs of the usual shapes, made up; sequences of ids are `tokens` long, but for models that do not only read at
/// most as long as usual.
#[must_use]
pub fn made_up_inputs(info: &ModelInfo, tokens: u32, reads_only: bool, seed: u64) -> Tensors {
    let length = usize::try_from(tokens).unwrap_or(usize::MAX);
    let made = info.inputs.iter().map(|input| {
        let mut input = input.clone();
        if let (InputKind::Ids | InputKind::Mask, [_, sequence]) = (input.kind, input.shape.as_mut_slice()) {
            *sequence = if reads_only { length } else { length.min(*sequence) };
        }
        (input.name.clone(), input.sample(seed))
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use matrix_engine::protocol::Tensor;

    use super::*;

    fn info(outputs: &[&str], generates: bool) -> ModelInfo {
        ModelInfo {
            architecture: "A".into(),
            parameters: 1,
            vocabulary: 10,
            weight_bytes: 4,
            fetched_bytes: 4,
            outputs: outputs.iter().map(|&name| name.to_owned()).collect(),
            inputs: Vec::new(),
            warnings: Vec::new(),
            fallbacks: Vec::new(),
            generates,
        }
    }

    fn scenario() -> Scenario {
        let texts = Vec::new();
        let (image, audio, seconds, video) = (None, None, None, None);
        let (tokens, decode, lengths, choice, network) = (8, 16, Vec::new(), Sampling::Greedy, None);
        Scenario { texts, tokens, lengths, decode, choice, image, audio, seconds, video, network }
    }

    #[test]
    fn a_generation_takes_from_its_call_to_its_last_token() {
        let ms = |metric: &str, value: f64| Measure::ms(metric, value);
        let measures = vec![
            ms("prefill_time", 10.0),
            // 500 of it are shaders, compiled in front of the prompt.
            ms("time_to_first_token", 510.0),
            ms("decode_time", 6.0),
            Measure::count("decode_tokens", 2),
        ];
        let (memory, tokens, outputs) = (Memory::default(), Tensor::i32(&[1, 3], vec![1, 2, 3]), Tensors::new());
        let Some(taken) = Taken::of(Outcome::Generated { measures, memory, tokens, outputs }) else {
            panic!("a generation is a workload");
        };
        assert_eq!(taken.total_ms, 516.0);
        assert_eq!(taken.parts, [ms("prefill_time", 10.0), ms("token_time", 3.0)]);
    }

    #[test]
    fn a_model_does_what_it_is_for() {
        let none = Tensors::new();
        let texts = Tensors::from([("attention_mask".to_owned(), Tensor::i32(&[2, 1], vec![1, 1]))]);
        let of = |outputs: &[&str], sentences: bool| {
            Workload::of(&info(outputs, false), if sentences { &texts } else { &none }, &scenario())
        };
        let forward = |output: &str| Workload::Forward { output: output.into(), compared: output.into() };
        assert_eq!(of(&["last_hidden_state", "sentence_embedding"], true), forward("sentence_embedding"));
        assert_eq!(of(&["last_hidden_state", "sentence_embedding"], false), forward("last_hidden_state"));
        assert_eq!(of(&["last_hidden_state", "logits"], true), forward("logits"));
        assert_eq!(of(&["layer0", "pooled"], false), forward("pooled"));
        let clip = Workload::Forward { output: "logits_per_image".into(), compared: "image_embeds".into() };
        assert_eq!(of(&["image_embeds", "text_embeds", "logits_per_image"], false), clip);
        let drawn = Sampling::Random { temperature: 0.5, top_k: 3, top_p: 1.0, seed: 7 };
        let scenario = Scenario { choice: drawn, ..scenario() };
        let of = Workload::of(&info(&["logits"], true), &texts, &scenario);
        assert_eq!(of, Workload::Generate { tokens: 16, choice: drawn, compared: 16 });
        let (Step::Generate { decode, .. }, Step::Generate { decode: check, .. }) =
            (of.timed("slot", &none), of.check("slot", &none, &[]))
        else {
            panic!("text goes on");
        };
        assert_eq!((decode.sampling, check.sampling), (drawn, Sampling::Greedy), "what is compared is never drawn");
        let compared =
            |vocabulary| match Workload::of(&ModelInfo { vocabulary, ..info(&["logits"], true) }, &texts, &scenario) {
                Workload::Generate { compared, .. } => compared,
                Workload::Forward { .. } => 0,
            };
        assert_eq!([10, 128_256, 1 << 30].map(compared), [16, 8, 1], "large vocabularies are compared at fewer tokens");
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        assert_eq!(Taken::of(Outcome::Unloaded { memory: Memory::default() }), None);
        let measures = vec![Measure::ms("infer_time", f64::NAN)];
        let outcome = Outcome::Inferred { measures, memory: Memory::default(), outputs: Tensors::new() };
        assert_eq!(Taken::of(outcome), None, "a time must be a number");
    }
}

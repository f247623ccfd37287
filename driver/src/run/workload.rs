//! What is timed in a cell: one forward pass, or a prompt and the tokens that follow it.

use matrix_engine::protocol::{Decode, InputKind, Measure, Memory, ModelInfo, Outcome, Sampling, Step, Tensors};

use crate::plan::Scenario;

/// Logits of generated tokens, as the engine calls them.
const STEP_LOGITS: &str = "step_logits";
/// Logits of models that compare two things, and the embedding of the first.
const PAIRS: [(&str, &str); 3] =
    [("logits_per_image", "image_embeds"), ("logits_per_audio", "audio_embeds"), ("logits_per_video", "video_embeds")];
/// Inputs that are made up are always the same.
const SEED: u64 = 1;

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
    },
}

/// What one run of a workload took.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taken {
    /// From the call until the result was on the CPU, in milliseconds.
    pub(super) total_ms: f64,
    /// Its parts, where it has some.
    pub(super) parts: Vec<Measure>,
    /// Bytes held.
    pub(super) memory: Memory,
    /// The outputs, when they were asked for.
    pub(super) outputs: Tensors,
}

impl Workload {
    /// What a user of a model wants of it: text that goes on, logits, the embedding of sentences, or what
    /// the model names last.
    #[must_use]
    pub fn of(info: &ModelInfo, sentences: bool, scenario: &Scenario) -> Self {
        if info.generates {
            return Self::Generate { tokens: scenario.decode, choice: scenario.choice };
        }
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

    /// The step that computes what is compared: of a generation the choice of the first token, because
    /// later ones depend on it.
    #[must_use]
    pub fn check(&self, slot: &str, inputs: &Tensors) -> Step {
        match self {
            Self::Forward { output, compared } => {
                let mut outputs = vec![output.clone()];
                outputs.extend((compared != output).then(|| compared.clone()));
                Step::Infer { slot: slot.into(), inputs: inputs.clone(), outputs, reply: true }
            }
            Self::Generate { .. } => generate(slot, inputs, Decode { step_logits: true, ..Decode::greedy(1) }, true),
        }
    }

    /// The step that is timed.
    #[must_use]
    pub fn timed(&self, slot: &str, inputs: &Tensors) -> Step {
        match self {
            Self::Forward { output, .. } => {
                let outputs = vec![output.clone()];
                Step::Infer { slot: slot.into(), inputs: inputs.clone(), outputs, reply: false }
            }
            Self::Generate { tokens, choice } => {
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
        match outcome {
            Outcome::Inferred { measures, memory, outputs } => {
                Some(Self { total_ms: time(&measures, "infer_time")?, parts: Vec::new(), memory, outputs })
            }
            Outcome::Generated { measures, memory, outputs, .. } => {
                let prefill = time(&measures, "prefill_time")?;
                let encode = time(&measures, "encode_time").unwrap_or(0.0);
                let (decode, tokens) = (time(&measures, "decode_time")?, time(&measures, "decode_tokens")?);
                let mut parts = vec![Measure::ms("prefill_time", encode + prefill)];
                if tokens > 0.0 {
                    parts.push(Measure::ms("token_time", decode / tokens));
                }
                Some(Self { total_ms: encode + prefill + decode, parts, memory, outputs })
            }
            _ => None,
        }
    }
}

/// Inputs of the usual shapes, made up; sequences of ids are `tokens` long.
#[must_use]
pub fn made_up_inputs(info: &ModelInfo, tokens: u32) -> Tensors {
    let length = usize::try_from(tokens).unwrap_or(usize::MAX);
    let made = info.inputs.iter().map(|input| {
        let mut input = input.clone();
        if let (InputKind::Ids | InputKind::Mask, [_, sequence]) = (input.kind, input.shape.as_mut_slice()) {
            *sequence = length.min(*sequence);
        }
        (input.name.clone(), input.sample(SEED))
    });
    made.collect()
}

#[cfg(test)]
mod tests {
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
            generates,
        }
    }

    fn scenario() -> Scenario {
        let texts = Vec::new();
        let (image, audio, video) = (None, None, None);
        Scenario { texts, tokens: 8, decode: 16, choice: Sampling::Greedy, image, audio, video }
    }

    #[test]
    fn a_model_does_what_it_is_for() {
        let of = |outputs: &[&str], sentences| Workload::of(&info(outputs, false), sentences, &scenario());
        let forward = |output: &str| Workload::Forward { output: output.into(), compared: output.into() };
        assert_eq!(of(&["last_hidden_state", "sentence_embedding"], true), forward("sentence_embedding"));
        assert_eq!(of(&["last_hidden_state", "sentence_embedding"], false), forward("last_hidden_state"));
        assert_eq!(of(&["last_hidden_state", "logits"], true), forward("logits"));
        assert_eq!(of(&["layer0", "pooled"], false), forward("pooled"));
        let clip = Workload::Forward { output: "logits_per_image".into(), compared: "image_embeds".into() };
        assert_eq!(of(&["image_embeds", "text_embeds", "logits_per_image"], false), clip);
        let drawn = Sampling::Random { temperature: 0.5, top_k: 3, top_p: 1.0, seed: 7 };
        let scenario = Scenario { choice: drawn, ..scenario() };
        let of = Workload::of(&info(&["logits"], true), false, &scenario);
        assert_eq!(of, Workload::Generate { tokens: 16, choice: drawn });
        let (Step::Generate { decode, .. }, Step::Generate { decode: check, .. }) =
            (of.timed("slot", &Tensors::new()), of.check("slot", &Tensors::new()))
        else {
            panic!("text goes on");
        };
        assert_eq!((decode.sampling, check.sampling), (drawn, Sampling::Greedy), "what is compared is never drawn");
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        assert_eq!(Taken::of(Outcome::Unloaded { memory: Memory::default() }), None);
        let measures = vec![Measure::ms("infer_time", f64::NAN)];
        let outcome = Outcome::Inferred { measures, memory: Memory::default(), outputs: Tensors::new() };
        assert_eq!(Taken::of(outcome), None, "a time must be a number");
    }
}

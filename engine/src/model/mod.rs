//! Model families: names, shapes and wiring. No dtype, device or optimization is known here.

mod bert;
mod clap;
mod clip;
mod clip_text;
mod convnext;
mod gpt2;
mod inputs;
mod llama;
mod llava;
mod llava_inputs;
mod prompt;
mod resnet;
mod roberta;
mod sample;
mod sequences;
mod t5;
mod tensors;
mod tiles;
mod vit;
mod wav2vec2;
mod whisper;
mod xclip;

use std::cell::RefCell;

pub use clip_text::ClipTextRules;
pub use inputs::InputRules;
pub use prompt::{Generate, Pass, Prompt};
pub use tensors::PixelRules;

use crate::{
    error::{Error, Result},
    graph::Graph,
    load::{Config, Origin},
    protocol::{InputInfo, InputKind, Tensors},
    weights::{Declared, Weights},
};

/// A model that has declared its weights.
pub trait Model {
    /// Number of token ids it knows; 0 when it takes none.
    fn vocabulary(&self) -> usize;

    /// What it takes, in usual sizes. [`InputInfo::sample`] makes such inputs up.
    fn inputs(&self) -> Vec<InputInfo> {
        vec![InputInfo::new("input_ids", &[1, 128], InputKind::Ids, self.vocabulary())]
    }

    /// Checks the inputs given by a user and completes them with those that follow from them.
    fn prepare(&self, inputs: &Tensors) -> Result<Tensors>;

    /// The graph of a forward pass over inputs as [`Model::prepare`] returns them.
    fn graph(&self, inputs: &Tensors) -> Result<Graph>;

    /// How the model continues text, if it does.
    fn generator(&self) -> Option<&dyn Generate> {
        None
    }
}

type Builder = fn(&Config, &Weights<'_>, Task) -> Result<Box<dyn Model>>;

/// What a model does with its encoder's hidden states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Returns them.
    Bare,
    /// Predicts masked words.
    MaskedLm,
    /// Labels positions.
    TokenLabels,
    /// Labels sequences, or images.
    SequenceLabels,
    /// Predicts the next word.
    CausalLm,
}

/// Every architecture class, by the name `config.json` gives it.
const ARCHITECTURES: &[(&str, Builder, Task)] = &[
    ("BertModel", bert::build, Task::Bare),
    ("BertForMaskedLM", bert::build, Task::MaskedLm),
    ("BertForPreTraining", bert::build, Task::MaskedLm),
    ("BertForTokenClassification", bert::build, Task::TokenLabels),
    ("BertForSequenceClassification", bert::build, Task::SequenceLabels),
    ("RobertaModel", roberta::build, Task::Bare),
    ("RobertaForMaskedLM", roberta::build, Task::MaskedLm),
    ("RobertaForTokenClassification", roberta::build, Task::TokenLabels),
    ("RobertaForSequenceClassification", roberta::build, Task::SequenceLabels),
    ("XLMRobertaModel", roberta::build, Task::Bare),
    ("XLMRobertaForMaskedLM", roberta::build, Task::MaskedLm),
    ("GPT2Model", gpt2::build, Task::Bare),
    ("GPT2LMHeadModel", gpt2::build, Task::CausalLm),
    ("LlamaModel", llama::build, Task::Bare),
    ("LlamaForCausalLM", llama::build, Task::CausalLm),
    ("MistralModel", llama::build_mistral, Task::Bare),
    ("MistralForCausalLM", llama::build_mistral, Task::CausalLm),
    ("Qwen2Model", llama::build_qwen2, Task::Bare),
    ("Qwen2ForCausalLM", llama::build_qwen2, Task::CausalLm),
    ("T5ForConditionalGeneration", t5::build, Task::CausalLm),
    ("LlavaForConditionalGeneration", llava::build, Task::CausalLm),
    ("LlavaNextForConditionalGeneration", llava::build_next, Task::CausalLm),
    ("WhisperForConditionalGeneration", whisper::build, Task::CausalLm),
    ("ViTModel", vit::build, Task::Bare),
    ("ViTForImageClassification", vit::build, Task::SequenceLabels),
    ("CLIPModel", clip::build, Task::Bare),
    ("ResNetModel", resnet::build, Task::Bare),
    ("ResNetForImageClassification", resnet::build, Task::SequenceLabels),
    ("ConvNextModel", convnext::build, Task::Bare),
    ("ConvNextForImageClassification", convnext::build, Task::SequenceLabels),
    ("XCLIPModel", xclip::build, Task::Bare),
    ("ClapModel", clap::build, Task::Bare),
    ("Wav2Vec2Model", wav2vec2::build, Task::Bare),
    ("Wav2Vec2ForCTC", wav2vec2::build, Task::TokenLabels),
];

/// A model and the weights it needs.
pub struct Built {
    /// The architecture class.
    pub architecture: &'static str,
    /// Its wiring.
    pub model: Box<dyn Model>,
    /// Its weights.
    pub declared: Vec<Declared>,
}

/// Builds the model that a configuration names.
pub fn build(config: &Config, origin: &Origin) -> Result<Built> {
    let known = || ARCHITECTURES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
    let unknown = |found: String| {
        Error::unsupported("unknown architecture").of("config.json: 'architectures'").expected(known()).found(found)
    };
    let name = match config.architecture() {
        Some(name) => name,
        // Files saved by hand may only tell the family.
        None => match config.word("model_type", "")? {
            "bert" => "BertModel",
            "roberta" => "RobertaModel",
            "xlm-roberta" => "XLMRobertaModel",
            "gpt2" => "GPT2LMHeadModel",
            "llama" => "LlamaForCausalLM",
            "mistral" => "MistralForCausalLM",
            "llava" => "LlavaForConditionalGeneration",
            "llava_next" => "LlavaNextForConditionalGeneration",
            "whisper" => "WhisperForConditionalGeneration",
            "t5" => "T5ForConditionalGeneration",
            "qwen2" => "Qwen2ForCausalLM",
            "vit" => "ViTModel",
            "clip" => "CLIPModel",
            "resnet" => "ResNetModel",
            "convnext" => "ConvNextModel",
            "xclip" => "XCLIPModel",
            "clap" => "ClapModel",
            "wav2vec2" => "Wav2Vec2Model",
            other => return Err(unknown(format!("nothing, and model_type '{other}'"))),
        },
    };
    let row = ARCHITECTURES.iter().find(|(known, ..)| *known == name);
    let &(architecture, builder, task) = row.ok_or_else(|| unknown(format!("'{name}'")))?;
    let declared = RefCell::new(Vec::new());
    let model = builder(config, &Weights::root(origin, &declared), task)?;
    Ok(Built { architecture, model, declared: declared.into_inner() })
}

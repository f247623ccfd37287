//! Configurations of published architectures, and shortened ones for machines that cannot carry them.

mod both;
mod senses;
mod text;

use serde_json::{Value, json};

use super::Config;
use crate::catalog::{Family, Size};

/// The configuration of a preset, as a `config.json` would say it.
///
/// `full` is the published base model. `small` keeps its widths and two of its layers. `tiny` has the
/// widths of BERT-Mini (Turc et al. 2019) and a short vocabulary, so that layers outweigh embeddings.
#[must_use]
pub fn config(family: Family, size: Size) -> Config {
    let mut value = match family {
        Family::Bert => json!({
            "architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_act": "gelu",
            "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "pad_token_id": 0,
            "type_vocab_size": 2, "vocab_size": 30522,
        }),
        Family::Roberta => json!({
            "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "hidden_act": "gelu",
            "layer_norm_eps": 1e-5, "max_position_embeddings": 514, "pad_token_id": 1,
            "type_vocab_size": 1, "vocab_size": 50265,
        }),
        Family::Gpt2 => return text::gpt2(size),
        Family::Llama => return text::llama(size),
        Family::Qwen2 => return text::qwen2(size),
        Family::T5 => return text::t5(size),
        Family::Whisper => return text::whisper(size),
        Family::Llava => return both::llava(size),
        Family::LlavaNext => return both::llava_next(size),
        Family::Vit
        | Family::Clip
        | Family::Resnet
        | Family::Convnext
        | Family::Wav2vec2
        | Family::Xclip
        | Family::Clap => {
            return Config::new(senses::config(family, size));
        }
    };
    let (hidden, heads, layers, inner) = match size {
        Size::Tiny => (256, 4, 4, 1024),
        Size::Small => (768, 12, 2, 3072),
        Size::Full => (768, 12, 12, 3072),
    };
    if size == Size::Tiny {
        value["vocab_size"] = Value::from(4096);
    }
    value["hidden_size"] = Value::from(hidden);
    value["num_attention_heads"] = Value::from(heads);
    value["num_hidden_layers"] = Value::from(layers);
    value["intermediate_size"] = Value::from(inner);
    Config::new(value)
}

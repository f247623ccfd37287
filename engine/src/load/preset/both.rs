//! Presets of models that read images and write text: `full` is published, `small` keeps the widths and two
//! layers of each tower, `tiny` is 256 wide and sees images of 4 × 4 patches.

use serde_json::{Value, json};

use crate::{catalog::Size, load::Config};

/// LLaVA 1.5 7B.
#[must_use]
pub fn llava(size: Size) -> Config {
    let text = json!({
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
        "num_key_value_heads": 32, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
    });
    Config::new(json!({
        "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava",
        "image_token_index": image(size), "projector_hidden_act": "gelu", "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default", "text_config": sized_text(text, size),
        "vision_config": vision(size),
    }))
}

/// LLaVA-NeXT (1.6) 7B on Mistral.
#[must_use]
pub fn llava_next(size: Size) -> Config {
    let text = json!({
        "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
        "num_key_value_heads": 8, "max_position_embeddings": 32768, "rms_norm_eps": 1e-5,
        "rope_theta": 1_000_000.0, "sliding_window": null,
    });
    let side = if size == Size::Tiny { 56 } else { 336 };
    let pinpoints = [[1, 2], [2, 1], [2, 2], [3, 1], [1, 3]].map(|[rows, columns]| [rows * side, columns * side]);
    Config::new(json!({
        "architectures": ["LlavaNextForConditionalGeneration"], "model_type": "llava_next",
        "image_token_index": image(size), "projector_hidden_act": "gelu", "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default", "image_grid_pinpoints": pinpoints,
        "text_config": sized_text(text, size), "vision_config": vision(size),
    }))
}

/// The id that stands for an image.
fn image(size: Size) -> usize {
    if size == Size::Tiny { 4000 } else { 32000 }
}

fn sized_text(mut text: Value, size: Size) -> Value {
    let (layers, vocabulary) = match size {
        Size::Tiny => (4, 4096),
        Size::Small => (2, 32064),
        Size::Full => (32, 32064),
    };
    text["num_hidden_layers"] = Value::from(layers);
    text["vocab_size"] = Value::from(vocabulary);
    if size == Size::Tiny {
        for (key, value) in [
            ("hidden_size", 256),
            ("intermediate_size", 1024),
            ("num_attention_heads", 8),
            ("num_key_value_heads", if text["num_key_value_heads"] == 8 { 2 } else { 8 }),
        ] {
            text[key] = Value::from(value);
        }
    }
    text
}

/// CLIP ViT-L/14 at 336 pixels.
fn vision(size: Size) -> Value {
    let (hidden, inner, heads, layers, image) = match size {
        Size::Tiny => (256, 1024, 4, 3, 56),
        Size::Small => (1024, 4096, 16, 2, 336),
        Size::Full => (1024, 4096, 16, 24, 336),
    };
    json!({
        "model_type": "clip_vision_model", "hidden_size": hidden, "intermediate_size": inner,
        "num_attention_heads": heads, "num_hidden_layers": layers, "image_size": image, "patch_size": 14,
        "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    })
}

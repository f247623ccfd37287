//! Models of images, sounds and videos.

use serde_json::{Map, Value, json};

use crate::catalog::{Family, Size};

/// The configuration of a preset: `full` is the published model, `small` keeps its widths and shortens its
/// stacks, `tiny` is narrow too and sees small images.
#[must_use]
pub fn config(family: Family, size: Size) -> Value {
    match family {
        Family::Vit => vit(size),
        Family::Resnet => resnet(size),
        Family::Convnext => convnext(size),
        Family::Wav2vec2 => wav2vec2(size),
        Family::Xclip => xclip(size),
        Family::Clap => clap(size),
        _ => clip(size),
    }
}

/// ViT-B/16 (google/vit-base-patch16-224); tiny has the widths of DeiT-Ti (Touvron et al. 2020).
fn vit(size: Size) -> Value {
    let mut value = json!({
        "architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_act": "gelu",
        "layer_norm_eps": 1e-12, "num_channels": 3, "patch_size": 16, "qkv_bias": true,
        "image_size": image(size), "id2label": labels(1000),
    });
    layers(&mut value, size, [192, 3, 768, 4], [768, 12, 3072, 12]);
    value
}

/// ResNet-50 (microsoft/resnet-50); tiny has basic layers, one a stage.
fn resnet(size: Size) -> Value {
    let (widths, depths, kind, embedding) = match size {
        Size::Tiny => ([32, 64, 128, 256], [1, 1, 1, 1], "basic", 32),
        Size::Small => ([256, 512, 1024, 2048], [1, 1, 1, 1], "bottleneck", 64),
        Size::Full => ([256, 512, 1024, 2048], [3, 4, 6, 3], "bottleneck", 64),
    };
    json!({
        "architectures": ["ResNetForImageClassification"], "model_type": "resnet", "hidden_act": "relu",
        "layer_type": kind, "embedding_size": embedding, "hidden_sizes": widths, "depths": depths,
        "num_channels": 3, "image_size": image(size), "id2label": labels(1000),
    })
}

/// ConvNeXt-T (facebook/convnext-tiny-224); tiny has the widths of ConvNeXt-Atto (Woo et al. 2023).
fn convnext(size: Size) -> Value {
    let (widths, depths) = match size {
        Size::Tiny => ([40, 80, 160, 320], [1, 1, 2, 1]),
        Size::Small => ([96, 192, 384, 768], [1, 1, 1, 1]),
        Size::Full => ([96, 192, 384, 768], [3, 3, 9, 3]),
    };
    json!({
        "architectures": ["ConvNextForImageClassification"], "model_type": "convnext", "hidden_act": "gelu",
        "layer_norm_eps": 1e-12, "layer_scale_init_value": 1e-6, "num_channels": 3, "patch_size": 4,
        "hidden_sizes": widths, "depths": depths, "image_size": image(size), "id2label": labels(1000),
    })
}

/// Wav2Vec2-base (facebook/wav2vec2-base-960h).
fn wav2vec2(size: Size) -> Value {
    let (conv, taps, groups) = if size == Size::Tiny { (64, 32, 4) } else { (512, 128, 16) };
    let mut value = json!({
        "architectures": ["Wav2Vec2ForCTC"], "model_type": "wav2vec2", "hidden_act": "gelu",
        "layer_norm_eps": 1e-5, "vocab_size": 32, "conv_bias": false, "conv_dim": vec![conv; 7],
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "feat_extract_activation": "gelu", "feat_extract_norm": "group", "do_stable_layer_norm": false,
        "num_conv_pos_embeddings": taps, "num_conv_pos_embedding_groups": groups,
    });
    layers(&mut value, size, [192, 4, 768, 2], [768, 12, 3072, 12]);
    value
}

/// CLIP ViT-B/32 (openai/clip-vit-base-patch32).
fn clip(size: Size) -> Value {
    let (vocabulary, patch, width) = if size == Size::Tiny { (4096, 16, 128) } else { (49408, 32, 512) };
    let mut text = json!({
        "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "max_position_embeddings": 77,
        "vocab_size": vocabulary, "eos_token_id": vocabulary - 1,
    });
    layers(&mut text, size, [128, 4, 512, 2], [512, 8, 2048, 12]);
    let mut vision = json!({
        "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "num_channels": 3,
        "image_size": image(size), "patch_size": patch,
    });
    layers(&mut vision, size, [192, 3, 768, 2], [768, 12, 3072, 12]);
    json!({
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": width,
        "text_config": text, "vision_config": vision,
    })
}

/// X-CLIP-base-patch32 (microsoft/xclip-base-patch32): CLIP's towers, eight frames.
fn xclip(size: Size) -> Value {
    let mut value = clip(size);
    value["architectures"] = json!(["XCLIPModel"]);
    value["model_type"] = "xclip".into();
    let width = value["projection_dim"].clone();
    let vision = &mut value["vision_config"];
    vision["num_frames"] = 8.into();
    vision["mit_num_hidden_layers"] = 1.into();
    vision["mit_num_attention_heads"] = if size == Size::Tiny { 4 } else { 8 }.into();
    vision["mit_intermediate_size"] = if size == Size::Tiny { 512 } else { 2048 }.into();
    vision["mit_hidden_size"] = width;
    value["prompt_layers"] = 2.into();
    value["prompt_num_attention_heads"] = 8.into();
    value["prompt_hidden_act"] = "quick_gelu".into();
    value
}

/// CLAP HTSAT (laion/clap-htsat-unfused).
fn clap(size: Size) -> Value {
    let (depths, heads, first, side, window) = match size {
        Size::Tiny => (vec![2, 2, 2], vec![2, 4, 8], 48, 128, 4),
        Size::Small => (vec![2, 2, 2, 2], vec![4, 8, 16, 32], 96, 256, 8),
        Size::Full => (vec![2, 2, 6, 2], vec![4, 8, 16, 32], 96, 256, 8),
    };
    let mut text = json!({
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 514, "pad_token_id": 1,
        "type_vocab_size": 1, "vocab_size": if size == Size::Tiny { 4096 } else { 50265 },
    });
    layers(&mut text, size, [128, 4, 512, 2], [768, 12, 3072, 12]);
    json!({
        "architectures": ["ClapModel"], "model_type": "clap", "projection_hidden_act": "relu",
        "projection_dim": if size == Size::Tiny { 128 } else { 512 },
        "text_config": text,
        "audio_config": {
            "hidden_act": "gelu", "layer_norm_eps": 1e-5, "enable_fusion": false, "num_mel_bins": 64,
            "spec_size": side, "window_size": window, "patch_size": 4, "patch_stride": [4, 4],
            "patch_embeds_hidden_size": first, "depths": depths, "num_attention_heads": heads,
            "mlp_ratio": 4.0, "qkv_bias": true, "enable_patch_layer_norm": true,
        },
    })
}

/// Width, heads, inner width and number of layers: of the tiny model, and of the full one.
fn layers(value: &mut Value, size: Size, tiny: [usize; 4], full: [usize; 4]) {
    let [hidden, heads, inner, layers] = match size {
        Size::Tiny => tiny,
        Size::Small => [full[0], full[1], full[2], 2],
        Size::Full => full,
    };
    value["hidden_size"] = hidden.into();
    value["num_attention_heads"] = heads.into();
    value["intermediate_size"] = inner.into();
    value["num_hidden_layers"] = layers.into();
}

fn image(size: Size) -> usize {
    if size == Size::Tiny { 64 } else { 224 }
}

fn labels(count: usize) -> Map<String, Value> {
    (0..count).map(|index| (index.to_string(), format!("LABEL_{index}").into())).collect()
}

//! The settings that a family's published checkpoints come with, for folders that have none of their own.
//!
//! Sizes follow `config.json` where it has them, so that a small model gets small images.

use matrix_engine::audio::{Extractor, Settings};
use serde_json::{Value, json};

use super::model_folder::Config;
use crate::error::Error;

/// Mean and standard deviation of ImageNet's training images, per channel.
const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// Settings of a model type; `None` for one that takes text only.
///
/// # Errors
/// Only on a defect: the settings below are objects.
pub fn of(model_type: &str, config: &Config) -> Result<Option<Settings>, Error> {
    let edge = |published: usize| config.integer(&["/image_size", "/vision_config/image_size"]).unwrap_or(published);
    let value = match model_type {
        // google/vit-base-patch16-224
        "vit" => json!({
            "image_processor_type": "ViTImageProcessor", "size": edge(224), "resample": 2,
        }),
        // microsoft/resnet-50, facebook/convnext-tiny-224
        "resnet" | "convnext" => json!({
            "image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": edge(224)},
            "crop_pct": 0.875, "resample": 3, "image_mean": IMAGENET[0], "image_std": IMAGENET[1],
        }),
        // openai/clip-vit-base-patch32, llava-hf/llava-1.5-7b-hf
        "clip" => clip("CLIPImageProcessor", edge(224)),
        "llava" => clip("CLIPImageProcessor", edge(336)),
        // llava-hf/llava-v1.6-mistral-7b-hf
        "llava_next" => {
            let edge = edge(336);
            let grids = [[1, 2], [2, 1], [2, 2], [3, 1], [1, 3]].map(|[rows, columns]| [rows * edge, columns * edge]);
            let mut settings = clip("LlavaNextImageProcessor", edge);
            let pinpoints = config.at("/image_grid_pinpoints").cloned().unwrap_or_else(|| json!(grids));
            settings["image_grid_pinpoints"] = pinpoints;
            settings
        }
        // microsoft/xclip-base-patch32
        "xclip" => json!({
            "image_processor_type": "VideoMAEImageProcessor", "size": {"shortest_edge": edge(224)},
            "crop_size": edge(224), "resample": 2, "image_mean": IMAGENET[0], "image_std": IMAGENET[1],
        }),
        audio if Extractor::MODEL_TYPES.contains(&audio) => {
            return Ok(Some(Settings::published(audio, config.value())));
        }
        _ => return Ok(None),
    };
    let settings = Settings::parse(value.to_string().as_bytes());
    settings.map(Some).map_err(|error| Error::internal(error.to_string()))
}

fn clip(processor: &str, edge: usize) -> Value {
    json!({
        "image_processor_type": processor, "size": {"shortest_edge": edge},
        "crop_size": {"height": edge, "width": edge}, "resample": 3,
    })
}

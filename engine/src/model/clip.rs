//! CLIP (Radford et al. 2021): images and texts as vectors in one space.

use super::{ClipTextRules, Model, PixelRules, Task, tensors::known};
use crate::{
    block::{ClipText, ClipVision, Linear, name_states},
    error::Result,
    graph::{Graph, Value},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::{Param, Weights},
};

struct Clip {
    pixels: PixelRules,
    texts: ClipTextRules,
    vision: ClipVision,
    text: ClipText,
    vision_projection: Linear,
    text_projection: Linear,
    scale: Param,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let [vision_config, text_config] = [config.required("vision_config")?, config.required("text_config")?];
    let vision = ClipVision::new(&vision_config, &weights.at("vision_model"))?;
    let text = ClipText::new(&text_config, &weights.at("text_model"))?;
    let width = config.size("projection_dim", 512)?;
    let project = |name: &str, inputs| Linear::optional(&weights.at(name), width, inputs, false);
    let patches = vision.patches_shape;
    // Configurations from before the id was right say 2, and mean the largest id.
    let end = Some(text_config.index("eos_token_id", 49407)?).filter(|&end| end != 2);
    Ok(Box::new(Clip {
        pixels: PixelRules { channels: patches.channels, size: patches.image, fixed: true, frames: None },
        texts: ClipTextRules::new(&text, end),
        vision_projection: project("visual_projection", patches.hidden)?,
        text_projection: project("text_projection", text.hidden)?,
        scale: weights.number("logit_scale")?,
        vision,
        text,
    }))
}

impl Clip {
    /// Images → vectors `[B, D]`
    fn images(&self, graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        let pixels = PixelRules::declare(graph, inputs)?;
        let states = self.vision.hidden_states(graph, pixels)?;
        name_states(graph, &states, "image_");
        let last = states[states.len() - 1];
        graph.output("image_last_hidden_state", last);
        let pooled = self.vision.pool(graph, last)?;
        graph.output("image_pooler_output", pooled);
        let projected = self.vision_projection.forward(graph, pooled, None)?;
        let embeds = graph.normalize(projected)?;
        graph.output("image_embeds", embeds);
        Ok(embeds)
    }

    /// Texts → vectors `[B, D]`
    fn texts(&self, graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        let inputs = ClipTextRules::declare(graph, inputs)?;
        let pooled = self.text.forward(graph, &inputs, "text_")?;
        let projected = self.text_projection.forward(graph, pooled, None)?;
        let embeds = graph.normalize(projected)?;
        graph.output("text_embeds", embeds);
        Ok(embeds)
    }
}

impl Model for Clip {
    fn vocabulary(&self) -> usize {
        self.text.vocabulary
    }

    fn inputs(&self) -> Vec<InputInfo> {
        let mut inputs = vec![self.pixels.info()];
        inputs.extend(self.texts.info());
        inputs
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        known(inputs, &["pixel_values", "input_ids", "attention_mask"])?;
        // Either tower works alone.
        let mut complete = Tensors::new();
        if inputs.contains_key("input_ids") || !inputs.contains_key("pixel_values") {
            complete = self.texts.prepare(inputs)?;
        }
        if inputs.contains_key("pixel_values") {
            complete.insert("pixel_values".to_owned(), self.pixels.check(inputs)?);
        }
        Ok(complete)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let images = if inputs.contains_key("pixel_values") { Some(self.images(&mut graph, inputs)?) } else { None };
        let texts = if inputs.contains_key("input_ids") { Some(self.texts(&mut graph, inputs)?) } else { None };
        if let (Some(images), Some(texts)) = (images, texts) {
            for (name, a, b) in [("logits_per_image", images, texts), ("logits_per_text", texts, images)] {
                let products = graph.products(a, b)?;
                let logits = graph.scale_exp(products, &self.scale)?;
                graph.output(name, logits);
            }
        }
        Ok(graph)
    }
}

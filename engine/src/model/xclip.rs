//! X-CLIP (Ni et al. 2022): videos and texts as vectors in one space.

use super::{ClipTextRules, Model, PixelRules, Task, tensors::known};
use crate::{
    block::{ClipText, FrameMixer, FrameTower, LayerNorm, Linear, Prompts},
    error::{Error, Result},
    graph::{Graph, Value},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::{Param, Weights},
};

struct XClip {
    width: usize,
    pixels: PixelRules,
    texts: ClipTextRules,
    vision: FrameTower,
    text: ClipText,
    vision_projection: Linear,
    text_projection: Linear,
    mixer: FrameMixer,
    patch_norm: LayerNorm,
    /// `[H, D]`: the only matrix that is stored by inputs.
    patch_projection: Param,
    prompts: Prompts,
    scale: Param,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let [vision_config, text_config] = [config.required("vision_config")?, config.required("text_config")?];
    let frames = vision_config.size("num_frames", 8)?;
    let vision = FrameTower::new(&vision_config, &weights.at("vision_model"), frames)?;
    let text = ClipText::new(&text_config, &weights.at("text_model"))?;
    let width = config.size("projection_dim", 512)?;
    let project = |name: &str, inputs| Linear::optional(&weights.at(name), width, inputs, false);
    let patches = vision.patches_shape;
    let epsilon = |config: &Config| config.float("layer_norm_eps", 1e-5);
    let epsilons = [epsilon(&text_config)?, epsilon(&vision_config)?];
    let pixels = PixelRules { channels: patches.channels, size: patches.image, fixed: true, frames: Some(frames) };
    Ok(Box::new(XClip {
        width,
        pixels,
        // Texts end with the largest id, whatever the configuration says.
        texts: ClipTextRules::new(&text, None),
        vision_projection: project("visual_projection", patches.hidden)?,
        text_projection: project("text_projection", text.hidden)?,
        mixer: FrameMixer::new(&vision_config, &weights.at("mit"), frames, width)?,
        patch_norm: LayerNorm::new(&weights.at("prompts_visual_layernorm"), patches.hidden, epsilons[1])?,
        patch_projection: weights.conv("prompts_visual_projection", &[patches.hidden, width])?,
        prompts: Prompts::new(config, &weights.at("prompts_generator"), width, epsilons)?,
        scale: weights.number("logit_scale")?,
        vision,
        text,
    }))
}

impl XClip {
    /// Videos → vectors `[B, D]`, and patches `[B, P, D]` averaged over frames.
    fn videos(&self, graph: &mut Graph, inputs: &Tensors) -> Result<[Value; 2]> {
        let pixels = PixelRules::declare(graph, inputs)?;
        let &[batch, frames, channels, height, width] = graph.shape(pixels) else {
            return Err(Error::internal("inputs were not prepared"));
        };
        let pixels = graph.reshape(pixels, &[batch * frames, channels, height, width])?;
        let [last, pooled] = self.vision.forward(graph, pixels)?;
        graph.output("vision_pooler_output", pooled);
        let classes = self.vision_projection.forward(graph, pooled, None)?;
        let classes = graph.reshape(classes, &[batch, frames, self.width])?;
        let mixed = self.mixer.forward(graph, classes)?;
        graph.output("mit_last_hidden_state", mixed);
        let videos = graph.mean(mixed)?;

        let &[images, tokens, hidden] = graph.shape(last) else { return Err(Error::internal("three axes")) };
        let patches = graph.slice(last, 1, 1, tokens - 1)?;
        let patches = self.patch_norm.forward(graph, patches)?;
        let patches = graph.reshape(patches, &[images * (tokens - 1), hidden])?;
        let projection = graph.permute(&self.patch_projection, &[1, 0])?;
        let patches = graph.products(patches, projection)?;
        // Every patch of every frame → the mean over frames.
        let patches = graph.reshape(patches, &[batch, frames, (tokens - 1) * self.width])?;
        let patches = graph.mean(patches)?;
        Ok([videos, graph.reshape(patches, &[batch, tokens - 1, self.width])?])
    }
}

impl Model for XClip {
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
        let mut complete = self.texts.prepare(inputs)?;
        complete.insert("pixel_values".to_owned(), self.pixels.check(inputs)?);
        Ok(complete)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let [videos, patches] = self.videos(&mut graph, inputs)?;
        let batch = graph.shape(videos)[0];
        let text_inputs = ClipTextRules::declare(&mut graph, inputs)?;
        let pooled = self.text.forward(&mut graph, &text_inputs, "text_")?;
        let texts = self.text_projection.forward(&mut graph, pooled, None)?;
        let texts = graph.spread(texts, 0, batch)?;
        let texts = self.prompts.forward(&mut graph, texts, patches)?;
        let videos = graph.normalize(videos)?;
        let texts = graph.normalize(texts)?;
        graph.output("video_embeds", videos);
        graph.output("text_embeds", texts);
        let videos = graph.reshape(videos, &[batch, 1, self.width])?;
        let products = graph.batch_products(videos, texts)?;
        let count = graph.shape(texts)[1];
        let products = graph.reshape(products, &[batch, count])?;
        let logits = graph.scale_exp(products, &self.scale)?;
        graph.output("logits_per_video", logits);
        let by_text = graph.permute(logits, &[1, 0])?;
        graph.output("logits_per_text", by_text);
        Ok(graph)
    }
}

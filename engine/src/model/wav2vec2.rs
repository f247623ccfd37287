//! Wav2Vec2 (Baevski et al. 2020): a wave through convolutions and an encoder, with norms in front or behind.

use super::{
    Model, Task,
    tensors::{declare, floats, known},
};
use crate::{
    block::{ConvPositions, LayerNames, LayerNorm, LayerShape, Linear, TransformerLayer, WaveEncoder},
    error::{Error, Result},
    graph::{AttentionRule, Graph},
    load::Config,
    protocol::{InputInfo, InputKind, Tensor, Tensors},
    weights::Weights,
};

struct Wav2Vec2 {
    waves: WaveEncoder,
    feature_norm: LayerNorm,
    projection: Linear,
    positions: ConvPositions,
    norm: LayerNorm,
    layers: Vec<TransformerLayer>,
    /// Whether norms lie in front.
    stable: bool,
    labels: Option<Linear>,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    if config.flag("add_adapter", false)? {
        return Err(Config::unsupported("add_adapter", "false", "true"));
    }
    if let Some(width) = config.optional_size("adapter_attn_dim")? {
        return Err(Config::unsupported("adapter_attn_dim", "null", width));
    }
    let shape = LayerShape::new(config, [768, 12, 3072], "gelu", 1e-5)?;
    let root = weights.at_optional("wav2vec2");
    let waves = WaveEncoder::new(config, &root.at("feature_extractor"))?;
    let layer =
        |index| TransformerLayer::new(&root.at(&format!("encoder.layers.{index}")), &LayerNames::WAV2VEC2, &shape);
    let labels = || Linear::new(&weights.at("lm_head"), config.size("vocab_size", 32)?, shape.hidden);
    Ok(Box::new(Wav2Vec2 {
        feature_norm: LayerNorm::new(&root.at("feature_projection.layer_norm"), waves.width(), shape.epsilon)?,
        projection: Linear::new(&root.at("feature_projection.projection"), shape.hidden, waves.width())?,
        positions: ConvPositions::new(config, &root.at("encoder.pos_conv_embed"), shape.hidden)?,
        norm: LayerNorm::new(&root.at("encoder.layer_norm"), shape.hidden, shape.epsilon)?,
        layers: (0..config.size("num_hidden_layers", 12)?).map(layer).collect::<Result<_>>()?,
        stable: config.flag("do_stable_layer_norm", false)?,
        labels: if task == Task::TokenLabels { Some(labels()?) } else { None },
        waves,
    }))
}

impl Wav2Vec2 {
    /// The mask of features from the mask of samples.
    fn feature_mask(&self, mask: &Tensor, features: usize) -> Result<Tensor> {
        let (batch, samples) = (mask.shape[0], mask.shape[1]);
        let mut values = Vec::with_capacity(batch * features);
        for line in mask.as_i32().unwrap_or_default().chunks(samples) {
            let heard = line.iter().filter(|&&value| value != 0).count();
            let heard = self.waves.features(heard).unwrap_or(0);
            values.extend((0..features).map(|index| i32::from(index < heard)));
        }
        Ok(Tensor::i32(&[batch, features], values))
    }
}

impl Model for Wav2Vec2 {
    fn vocabulary(&self) -> usize {
        0
    }

    fn inputs(&self) -> Vec<InputInfo> {
        vec![InputInfo::new("input_values", &[1, 16000], InputKind::Samples, 0)]
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        known(inputs, &["input_values", "attention_mask"])?;
        let samples = floats(inputs, "input_values", &[("batch", None), ("samples", None)])?;
        let Some(features) = self.waves.features(samples.shape[1]) else {
            let least = (1..=samples.shape[1] + (1 << 20)).find(|&count| self.waves.features(count).is_some());
            return Err(Error::model("a wave too short for one feature")
                .of("input_values")
                .expected(least.map_or_else(|| "more samples".to_owned(), |least| format!("at least {least} samples")))
                .found(samples.shape[1].to_string()));
        };
        let mut complete = Tensors::new();
        if let Some(mask) = inputs.get("attention_mask") {
            let mask = super::inputs::check(mask, &samples.shape, 2).map_err(|error| error.of("attention_mask"))?;
            complete.insert("feature_mask".to_owned(), self.feature_mask(&mask, features)?);
        }
        complete.insert("input_values".to_owned(), samples);
        Ok(complete)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let samples = declare(&mut graph, inputs, "input_values")?;
        let mask =
            if inputs.contains_key("feature_mask") { Some(declare(&mut graph, inputs, "feature_mask")?) } else { None };
        let x = self.waves.forward(&mut graph, samples)?;
        graph.output("conv_features", x);
        let x = self.feature_norm.forward(&mut graph, x)?;
        graph.output("extract_features", x);
        let mut x = self.projection.forward(&mut graph, x, None)?;
        if let Some(mask) = mask {
            x = graph.mask_rows(x, mask)?;
        }
        let positions = self.positions.forward(&mut graph, x)?;
        x = graph.add(x, positions)?;
        if !self.stable {
            x = self.norm.forward(&mut graph, x)?;
        }
        graph.output("embeddings", x);
        let rule = AttentionRule { mask, ..Default::default() };
        for (index, layer) in self.layers.iter().enumerate() {
            x = if self.stable {
                layer.forward_pre(&mut graph, x, &rule)?
            } else {
                layer.forward_post(&mut graph, x, &rule)?
            };
            // Norms in front leave the last one to be done, and the reference counts it to the last layer.
            if self.stable && index + 1 == self.layers.len() {
                x = self.norm.forward(&mut graph, x)?;
            }
            graph.output(&format!("layer{index}"), x);
        }
        graph.output("last_hidden_state", x);
        if let Some(labels) = &self.labels {
            let logits = labels.forward(&mut graph, x, None)?;
            graph.output("logits", logits);
        }
        Ok(graph)
    }
}

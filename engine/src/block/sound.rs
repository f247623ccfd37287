//! Waves as sequences: a stack of convolutions, and positions by convolution (Baevski et al. 2020).

use super::LayerNorm;
use crate::{
    error::Result,
    graph::{Activation, Conv, Graph, Value, Window},
    load::Config,
    weights::{Param, Weights},
};

/// Added to the variances of the norms inside the stack, whatever the configuration.
const EPSILON: f32 = 1e-5;

/// Convolutions over a wave.
pub struct WaveEncoder {
    layers: Vec<WaveLayer>,
    activation: Activation,
}

struct WaveLayer {
    window: Param,
    bias: Option<Param>,
    stride: usize,
    norm: Norm,
}

enum Norm {
    None,
    /// Over time, per channel.
    Time(Param, Param),
    Channels(LayerNorm),
}

impl WaveEncoder {
    /// Declares `conv_layers` under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>) -> Result<Self> {
        let widths = config.sizes("conv_dim", &[512; 7])?;
        let lists = ["conv_kernel", "conv_stride"];
        let defaults: [&[usize]; 2] = [&[10, 3, 3, 3, 3, 2, 2], &[5, 2, 2, 2, 2, 2, 2]];
        let mut sizes = Vec::new();
        for (key, default) in lists.into_iter().zip(defaults) {
            let list = config.sizes(key, default)?;
            if list.len() != widths.len() {
                let expected = format!("as many entries as conv_dim has, {}", widths.len());
                return Err(Config::wrong(key, &expected, list.len()));
            }
            sizes.push(list);
        }
        let over_time = match config.word("feat_extract_norm", "group")? {
            "group" => true,
            "layer" => false,
            other => return Err(Config::wrong("feat_extract_norm", "'group' or 'layer'", format!("'{other}'"))),
        };
        let biased = config.flag("conv_bias", false)?;
        let layer = |index: usize| {
            let weights = weights.at(&format!("conv_layers.{index}"));
            let (width, inputs) = (widths[index], if index == 0 { 1 } else { widths[index - 1] });
            let window = weights.conv("conv.weight", &[width, inputs, sizes[0][index]])?;
            Ok(WaveLayer {
                window: window.reshaped(&[width, inputs, 1, sizes[0][index]]),
                bias: if biased { Some(weights.bias("conv.bias", width)?) } else { None },
                stride: sizes[1][index],
                norm: match (over_time, index) {
                    (true, 0) => {
                        Norm::Time(weights.scale("layer_norm.weight", width)?, weights.bias("layer_norm.bias", width)?)
                    }
                    (true, _) => Norm::None,
                    (false, _) => Norm::Channels(LayerNorm::new(&weights.at("layer_norm"), width, EPSILON)?),
                },
            })
        };
        Ok(Self {
            layers: (0..widths.len()).map(layer).collect::<Result<_>>()?,
            activation: Activation::parse("feat_extract_activation", config.word("feat_extract_activation", "gelu")?)?,
        })
    }

    /// Width of the features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers.last().map_or(1, |layer| layer.window.shape[0])
    }

    /// How many features so many samples give; `None` if they are too few.
    #[must_use]
    pub fn features(&self, samples: usize) -> Option<usize> {
        let step =
            |length: usize, layer: &WaveLayer| Some(length.checked_sub(layer.window.shape[3])? / layer.stride + 1);
        self.layers.iter().try_fold(samples, step)
    }

    /// samples `[B, S]` → `[B, T, C]`
    pub fn forward(&self, graph: &mut Graph, samples: Value) -> Result<Value> {
        let shape = graph.shape(samples).to_vec();
        let mut x = graph.reshape(samples, &[shape[0], 1, shape[1], 1])?;
        for layer in &self.layers {
            let window = Window { stride: [1, layer.stride], padding: [0, 0] };
            let activation = matches!(layer.norm, Norm::None).then_some(self.activation);
            let conv = Conv { window, groups: 1, activation, channels_first: false };
            x = graph.conv(x, &layer.window, layer.bias.as_ref(), conv)?;
            x = match &layer.norm {
                Norm::None => x,
                Norm::Time(scale, shift) => {
                    graph.group_norm(x, scale, shift, (scale.shape[0], EPSILON), Some(self.activation))?
                }
                Norm::Channels(norm) => {
                    let normed = norm.forward(graph, x)?;
                    graph.activate(normed, self.activation)?
                }
            };
        }
        let shape = graph.shape(x).to_vec();
        graph.reshape(x, &[shape[0], shape[2], shape[3]])
    }
}

/// Positions told by a wide convolution over the sequence itself.
pub struct ConvPositions {
    directions: Param,
    lengths: Param,
    bias: Param,
    groups: usize,
    activation: Activation,
}

impl ConvPositions {
    /// Declares a window in directions and lengths under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>, hidden: usize) -> Result<Self> {
        let taps = config.size("num_conv_pos_embeddings", 128)?;
        let groups = config.size("num_conv_pos_embedding_groups", 16)?;
        super::LayerShape::divides("num_conv_pos_embedding_groups", groups, "hidden_size", hidden)?;
        // Older files have other names for the two.
        let [lengths, directions] =
            if weights.has("conv.weight_g") && !weights.has("conv.parametrizations.weight.original0") {
                ["conv.weight_g", "conv.weight_v"]
            } else {
                ["conv.parametrizations.weight.original0", "conv.parametrizations.weight.original1"]
            };
        Ok(Self {
            directions: weights.conv(directions, &[hidden, hidden / groups, taps])?,
            lengths: weights.scales(lengths, &[1, 1, taps])?.reshaped(&[taps]),
            bias: weights.bias("conv.bias", hidden)?,
            groups,
            activation: Activation::parse("feat_extract_activation", config.word("feat_extract_activation", "gelu")?)?,
        })
    }

    /// x `[B, T, H]` → the same shape, to be added to x
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let shape = graph.shape(x).to_vec();
        let &[hidden, inputs, taps] = self.directions.shape.as_slice() else { return Ok(x) };
        let window = graph.weight_norm(&self.directions, &self.lengths)?;
        let window = graph.reshape(window, &[hidden, inputs, 1, taps])?;
        let image = graph.reshape(x, &[shape[0], 1, shape[1], hidden])?;
        let steps = Window { stride: [1, 1], padding: [0, taps / 2] };
        let conv =
            Conv { window: steps, groups: self.groups, activation: Some(self.activation), channels_first: false };
        let y = graph.conv(image, window, Some(&self.bias), conv)?;
        // An even window makes one step too many.
        let y = if taps % 2 == 0 { graph.slice(y, 2, 0, shape[1])? } else { y };
        graph.reshape(y, &shape)
    }
}

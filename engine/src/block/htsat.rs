//! HTSAT (Chen et al. 2022): a spectrogram folded into a square image, through stages of shifted windows.

use super::{BatchNorm, Fusion, LayerNorm, LayerShape, SwinStage, swin::EPSILON};
use crate::{
    error::{Error, Result},
    graph::{Activation, Conv, Graph, Value, Window},
    load::Config,
    weights::{Param, Weights},
};

/// The audio tower of CLAP.
pub struct Htsat {
    /// Bins of a spectrogram.
    pub bins: usize,
    /// Channels of a spectrogram: one, or four versions of it.
    pub channels: usize,
    /// Width of the result.
    pub width: usize,
    side: usize,
    norm: BatchNorm,
    window: Window,
    patches: Param,
    patch_bias: Param,
    patch_norm: Option<LayerNorm>,
    fusion: Option<Fusion>,
    stages: Vec<SwinStage>,
    last_norm: LayerNorm,
}

impl Htsat {
    /// Declares the tower that `config`, an `audio_config`, describes under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>) -> Result<Self> {
        let (bins, side) = (config.size("num_mel_bins", 64)?, config.size("spec_size", 256)?);
        if bins > side {
            return Err(Config::wrong("num_mel_bins", &format!("at most spec_size {side}"), bins));
        }
        let fused = config.flag("enable_fusion", false)?;
        let kind = config.word("fusion_type", "none")?;
        if fused && kind == "channel_map" {
            return Err(Config::unsupported("fusion_type", "null", format!("'{kind}'")));
        }
        if !config.flag("flatten_patch_embeds", true)? {
            return Err(Config::unsupported("flatten_patch_embeds", "true", "false"));
        }
        let first = config.size("patch_embeds_hidden_size", 96)?;
        let size = config.size("patch_size", 4)?;
        let stride = config.pair("patch_stride", 4)?;
        let padding = stride.map(|stride| size.saturating_sub(stride) / 2);
        let window = Window { stride, padding };
        let grid = window.steps([side; 2], [size; 2]).filter(|grid| *grid == stride.map(|stride| side / stride));
        let grid =
            grid.ok_or_else(|| Config::wrong("patch_size", "one that spec_size and patch_stride allow", size))?;
        let embed = weights.at("patch_embed");
        let proj = embed.at("proj");
        let stages = Self::stages(config, &weights.at("layers"), first, grid)?;
        let width = first << (stages.len() - 1);
        let normed = config.flag("enable_patch_layer_norm", true)?;
        Ok(Self {
            bins,
            channels: if fused { 4 } else { 1 },
            width,
            side,
            norm: BatchNorm::new(&weights.at("batch_norm"), bins)?,
            window,
            patches: proj.conv("weight", &[first, 1, size, size])?,
            patch_bias: proj.bias("bias", first)?,
            patch_norm: if normed { Some(LayerNorm::new(&embed.at("norm"), first, EPSILON)?) } else { None },
            fusion: if fused { Some(Fusion::new(config, &embed, first, size, window)?) } else { None },
            stages,
            last_norm: LayerNorm::new(&weights.at("norm"), width, EPSILON)?,
        })
    }

    fn stages(config: &Config, weights: &Weights<'_>, first: usize, grid: [usize; 2]) -> Result<Vec<SwinStage>> {
        let depths = config.sizes("depths", &[2, 2, 6, 2])?;
        let heads = config.sizes("num_attention_heads", &[4, 8, 16, 32])?;
        if heads.len() != depths.len() || depths.len() > 8 {
            let expected = format!("as many entries as depths has, {}, and at most 8", depths.len());
            return Err(Config::wrong("num_attention_heads", &expected, heads.len()));
        }
        let window = config.size("window_size", 8)?;
        let ratio = config.float("mlp_ratio", 4.0)?;
        let stage = |index: usize| {
            let hidden = first << index;
            // Rounded down, as the reference does.
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a width"
            )]
            let inner = (hidden as f32 * ratio) as usize;
            let shape = LayerShape {
                hidden,
                heads: heads[index],
                inner,
                activation: Activation::parse("hidden_act", config.word("hidden_act", "gelu")?)?,
                epsilon: config.float("layer_norm_eps", 1e-5)?,
                biased: config.flag("qkv_bias", true)?,
            };
            LayerShape::divides("num_attention_heads", shape.heads, "the width of its stage", hidden)?;
            let grid = grid.map(|side| side >> index);
            if grid[0].min(grid[1]) < window || inner == 0 {
                let expected = format!("at most the grid of the last stage, {:?}", grid);
                return Err(Config::wrong("window_size", &expected, window));
            }
            let halves = index + 1 < depths.len();
            SwinStage::new(&weights.at(&index.to_string()), &shape, depths[index], grid, window, halves)
        };
        (0..depths.len()).map(stage).collect()
    }

    /// The longest spectrogram.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.side * (self.side / self.bins)
    }

    /// features `[B, channels, T, bins]` → a vector `[B, width]`; `longer` and `shorter` `[B, 1]` tell which sounds
    /// were too long for one version. Outputs begin with `prefix`.
    pub fn forward(
        &self,
        graph: &mut Graph,
        features: Value,
        lengths: Option<[Value; 2]>,
        prefix: &str,
    ) -> Result<Value> {
        let x = self.norm.forward(graph, features, None, None)?;
        let image = self.fold(graph, x)?;
        graph.output(&format!("{prefix}mel_image"), image);
        let x = match (&self.fusion, lengths) {
            (Some(fusion), Some(lengths)) => {
                let first = graph.slice(image, 1, 0, 1)?;
                let first = self.embed(graph, first)?;
                fusion.forward(graph, image, first, lengths)?
            }
            _ => self.embed(graph, image)?,
        };
        let mut x = match &self.patch_norm {
            Some(norm) => norm.forward(graph, x)?,
            None => x,
        };
        graph.image_output(&format!("{prefix}embeddings"), x)?;
        for (index, stage) in self.stages.iter().enumerate() {
            x = stage.forward(graph, x)?;
            graph.image_output(&format!("{prefix}layer{index}"), x)?;
        }
        let x = self.last_norm.forward(graph, x)?;
        let pooled = graph.mean(x)?;
        graph.output(&format!("{prefix}pooler_output"), pooled);
        Ok(pooled)
    }

    fn embed(&self, graph: &mut Graph, image: Value) -> Result<Value> {
        let conv = Conv { window: self.window, groups: 1, activation: None, channels_first: true };
        graph.conv(image, &self.patches, Some(&self.patch_bias), conv)
    }

    /// x `[B, channels, T, bins]` → square images `[B, channels, side, side]`: stretched to a whole number of
    /// sides, cut into pieces of time, which are stacked with frequency rising inside each.
    fn fold(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let pieces = self.side / self.bins;
        let (length, height) = (self.side * pieces, self.side / pieces);
        let mut x = x;
        if graph.shape(x)[2] < length {
            x = graph.resize(x, length)?;
        }
        if self.bins < height {
            let turned = graph.permute(x, &[0, 1, 3, 2])?;
            let turned = graph.resize(turned, height)?;
            x = graph.permute(turned, &[0, 1, 3, 2])?;
        }
        let &[batch, channels, length, height] = graph.shape(x) else { return Err(Error::internal("four axes")) };
        let x = graph.reshape(x, &[batch, channels * pieces, length / pieces, height])?;
        let x = graph.permute(x, &[0, 1, 3, 2])?;
        graph.reshape(x, &[batch, channels, height * pieces, length / pieces])
    }
}

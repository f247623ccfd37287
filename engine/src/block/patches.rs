//! Images as sequences: square patches, a class token in front, learned positions (Dosovitskiy et al. 2020).

use crate::{
    error::Result,
    graph::{Conv, Graph, Value, Window},
    load::Config,
    weights::{Param, Weights},
};

/// The numbers of a patch embedding.
#[derive(Clone, Copy)]
pub struct PatchShape {
    /// Colours.
    pub channels: usize,
    /// Height and width of an image.
    pub image: [usize; 2],
    /// Height and width of a patch.
    pub patch: [usize; 2],
    /// Width of the result.
    pub hidden: usize,
}

impl PatchShape {
    /// Reads the usual keys.
    pub fn new(config: &Config, patch: usize, hidden: usize) -> Result<Self> {
        let shape = Self {
            channels: config.size("num_channels", 3)?,
            image: config.pair("image_size", 224)?,
            patch: config.pair("patch_size", patch)?,
            hidden,
        };
        if shape.patch[0] > shape.image[0] || shape.patch[1] > shape.image[1] {
            return Err(Config::wrong(
                "patch_size",
                &format!("at most {:?}", shape.image),
                format!("{:?}", shape.patch),
            ));
        }
        Ok(shape)
    }

    /// Patches and the class token.
    #[must_use]
    pub fn tokens(&self) -> usize {
        1 + (self.image[0] / self.patch[0]) * (self.image[1] / self.patch[1])
    }
}

/// Patches, class token and positions.
pub struct Patches {
    shape: PatchShape,
    window: Param,
    bias: Option<Param>,
    class: Param,
    positions: Param,
}

impl Patches {
    /// Declares what ViT calls its embeddings under `weights`.
    pub fn vit(weights: &Weights<'_>, shape: PatchShape) -> Result<Self> {
        let projection = weights.at("patch_embeddings.projection");
        let PatchShape { channels, patch: [height, width], hidden, .. } = shape;
        Ok(Self {
            shape,
            window: projection.conv("weight", &[hidden, channels, height, width])?,
            bias: Some(projection.bias("bias", hidden)?),
            class: weights.table("cls_token", &[1, 1, hidden])?,
            positions: weights.table("position_embeddings", &[1, shape.tokens(), hidden])?,
        })
    }

    /// Declares what CLIP calls its embeddings under `weights`.
    pub fn clip(weights: &Weights<'_>, shape: PatchShape) -> Result<Self> {
        let PatchShape { channels, patch: [height, width], hidden, .. } = shape;
        Ok(Self {
            shape,
            window: weights.conv("patch_embedding.weight", &[hidden, channels, height, width])?,
            bias: None,
            class: weights.table("class_embedding", &[hidden])?,
            positions: weights.table("position_embedding.weight", &[shape.tokens(), hidden])?,
        })
    }

    /// pixels `[B, channels, height, width]` → `[B, tokens, H]`
    pub fn forward(&self, graph: &mut Graph, pixels: Value) -> Result<Value> {
        let (hidden, tokens) = (self.shape.hidden, self.shape.tokens());
        let batch = graph.shape(pixels)[0];
        let window = Window::tiles(self.shape.patch);
        let conv = Conv { window, groups: 1, activation: None, channels_first: true };
        let patches = graph.conv(pixels, &self.window, self.bias.as_ref(), conv)?;
        let patches = graph.reshape(patches, &[batch, tokens - 1, hidden])?;
        let class = graph.spread(&self.class.reshaped(&[1, hidden]), 0, batch)?;
        let x = graph.concat(class, patches, 1)?;
        graph.shift(x, &self.positions.reshaped(&[tokens, hidden]))
    }
}

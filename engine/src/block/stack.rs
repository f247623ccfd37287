//! The layers of encoder-decoders, with norms in front: attention within, attention across, feed-forward.

use super::{GatedMlp, LayerNorm, Linear, Memory, ProjectedAttention, RelativeBias, RmsNorm, Within};
use crate::{
    cache::Cache,
    error::Result,
    graph::{Activation, Graph, Value},
};

/// A norm of either kind.
pub enum Norm {
    /// Mean 0 and variance 1.
    Layer(LayerNorm),
    /// Mean square 1.
    Rms(RmsNorm),
}

/// A feed-forward part of either kind.
pub enum Feed {
    /// One matrix, the activation, another matrix.
    Plain(Linear, Linear, Activation),
    /// With a gate.
    Gated(GatedMlp),
}

/// One layer: each part has a norm in front and a residual around it.
pub struct StackLayer {
    /// Within the sequence.
    pub attention: (Norm, ProjectedAttention),
    /// Towards another sequence, in a decoder.
    pub cross: Option<(Norm, ProjectedAttention)>,
    /// The last part.
    pub feed: (Norm, Feed),
}

/// Layers and the last norm.
pub struct Stack {
    /// The layers.
    pub layers: Vec<StackLayer>,
    /// Behind them.
    pub norm: Norm,
    /// Shared by all layers, where positions are distances.
    pub bias: Option<RelativeBias>,
}

impl Norm {
    fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            Self::Layer(norm) => norm.forward(graph, x),
            Self::Rms(norm) => norm.forward(graph, x),
        }
    }
}

impl Feed {
    fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            Self::Plain(inner, outer, activation) => {
                let x = inner.forward(graph, x, Some(*activation))?;
                outer.forward(graph, x, None)
            }
            Self::Gated(mlp) => mlp.forward(graph, x),
        }
    }
}

impl Stack {
    /// x `[B, S, H]` → the same shape. Hidden states become outputs, a decoder's under names of their own.
    pub fn forward(
        &self,
        graph: &mut Graph,
        mut x: Value,
        within: &Within<'_>,
        memory: Option<&Memory<'_>>,
    ) -> Result<Value> {
        let within = Within { bias: self.bias.as_ref().map(|bias| bias.of(graph)).transpose()?, ..*within };
        let prefix = if memory.is_some() { "decoder_" } else { "" };
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = layer.attention.0.forward(graph, x)?;
            let attended = layer.attention.1.within(graph, normed, index, &within)?;
            x = graph.add(x, attended)?;
            if let (Some((norm, attention)), Some(memory)) = (&layer.cross, memory) {
                let normed = norm.forward(graph, x)?;
                let attended = attention.across(graph, normed, index, memory)?;
                x = graph.add(x, attended)?;
            }
            let normed = layer.feed.0.forward(graph, x)?;
            let fed = layer.feed.1.forward(graph, normed)?;
            x = graph.add(x, fed)?;
            graph.output(&format!("{prefix}layer{index}"), x);
        }
        self.norm.forward(graph, x)
    }

    /// Keeps what every layer of a decoder looks at in the encoder's hidden states `[B, T, H]`.
    pub fn keep(&self, graph: &mut Graph, hidden: Value, cache: &dyn Cache) -> Result<()> {
        for (index, layer) in self.layers.iter().enumerate() {
            if let Some((_, attention)) = &layer.cross {
                attention.keep(graph, hidden, index, cache)?;
            }
        }
        Ok(())
    }
}

//! Word, position and token-type embeddings, added and normalised.

use super::{EncoderShape, LayerNorm, TextInputs};
use crate::{
    error::Result,
    graph::{Graph, Value},
    weights::{Param, Weights},
};

/// The embeddings of BERT and its descendants.
pub struct TextEmbedding {
    words: Param,
    positions: Param,
    token_types: Param,
    norm: LayerNorm,
}

impl TextEmbedding {
    /// Declares three tables and a norm under `weights`.
    pub fn new(weights: &Weights<'_>, shape: &EncoderShape) -> Result<Self> {
        Ok(Self {
            words: weights.embedding("word_embeddings.weight", shape.vocabulary, shape.hidden)?,
            positions: weights.embedding("position_embeddings.weight", shape.positions, shape.hidden)?,
            token_types: weights.embedding("token_type_embeddings.weight", shape.token_types, shape.hidden)?,
            norm: LayerNorm::new(&weights.at("LayerNorm"), shape.hidden, shape.epsilon)?,
        })
    }

    /// The table of words `[V, H]`, for heads that share it.
    #[must_use]
    pub fn words(&self) -> &Param {
        &self.words
    }

    /// ids `[B, S]` → `[B, S, H]`
    pub fn forward(&self, graph: &mut Graph, inputs: &TextInputs) -> Result<Value> {
        let words = graph.gather(inputs.ids, &self.words)?;
        let token_types = graph.gather(inputs.token_types, &self.token_types)?;
        let sum = graph.add(words, token_types)?;
        let positions = graph.gather(inputs.positions, &self.positions)?;
        self.norm.forward_residual(graph, sum, positions)
    }
}

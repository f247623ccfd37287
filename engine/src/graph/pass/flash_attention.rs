//! Scores, softmax and weighed values become one operation, wherever they follow each other.

use crate::{
    error::Result,
    graph::{
        Flash, Graph, Op, Value,
        build::{Node, Source},
    },
    protocol::{FlashAttention, Precision},
};

/// Wider heads keep the plain form.
const WIDEST: usize = 256;
/// An attention and its operands.
type Fused = (Flash, Vec<Source>);

impl Graph {
    /// Puts [`Op::Flash`] in place of every attention.
    pub(super) fn fuse_attention(&mut self, how: &FlashAttention) -> Result<()> {
        let fused: Vec<Option<Fused>> = (0..self.nodes.len()).map(|index| self.attention_at(index)).collect();
        self.replace(fused, |graph, flash, operands| {
            let splits = graph.splits(&flash, &operands);
            let halves = how.precision == Precision::F16;
            graph.flash(&Flash { splits, tile: how.block_size, halves, ..flash }, operands)
        })
    }

    /// The attention whose result node `index` is.
    fn attention_at(&self, index: usize) -> Option<Fused> {
        let Node::Op { op, operands, shape } = &self.nodes[index] else { return None };
        let fused = match *op {
            Op::AttentionContext => self.whole_heads(operands),
            Op::GroupedContext { kv_heads, .. } => self.groups(operands, kv_heads),
            _ => None,
        };
        fused.filter(|(flash, _)| shape.last().is_some_and(|hidden| hidden / flash.heads <= WIDEST))
    }

    fn whole_heads(&self, context: &[Source]) -> Option<Fused> {
        let [shares, value] = context else { return None };
        let (Op::AttentionSoftmax { causal, .. }, [scores, mask @ ..]) = self.computed(shares)? else { return None };
        let (scores, bias) = match self.computed(scores)? {
            (Op::Add, [scores, bias]) => (self.computed(scores)?, Some(bias)),
            scores => (scores, None),
        };
        let (Op::AttentionScores { heads, scale }, [query, key]) = scores else { return None };
        let (masked, biased) = (!mask.is_empty(), bias.is_some());
        let flash = Flash { heads, kv_heads: heads, scale, causal, masked, biased, ..Flash::default() };
        let operands = [query, key, value].into_iter().chain(mask).chain(bias).cloned().collect();
        Some((flash, operands))
    }

    fn groups(&self, context: &[Source], kv_heads: usize) -> Option<Fused> {
        let [shares, value, _] = context else { return None };
        let softmax = self.computed(shares)?;
        let (Op::GroupedSoftmax { heads, causal, biased }, [scores, mask, past, bias @ ..]) = softmax else {
            return None;
        };
        let (Op::GroupedScores { scale, .. }, [query, key, _]) = self.computed(scores)? else { return None };
        let (masked, cached) = (true, true);
        let flash = Flash { heads, kv_heads, scale, causal, masked, cached, biased, ..Flash::default() };
        let operands = [query, key, value, mask, past].into_iter().chain(bias).cloned().collect();
        Some((flash, operands))
    }

    /// The operation behind a value.
    fn computed(&self, source: &Source) -> Option<(Op, &[Source])> {
        let Source::Value(value) = source else { return None };
        let Value(index) = self.root(*value);
        match &self.nodes[index] {
            Node::Op { op, operands, .. } => Some((*op, operands)),
            _ => None,
        }
    }
}

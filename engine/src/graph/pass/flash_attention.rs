//! Scores, softmax and weighed values become one operation, wherever they follow each other.

use crate::{
    graph::{
        Flash, Graph, Op, Value,
        build::{Node, Source},
    },
    protocol::FlashAttention,
};

/// With fewer queries the scores are a few rows, and tiles would be empty.
const FEW_QUERIES: usize = 8;

impl Graph {
    /// Puts [`Op::Flash`] in place of every attention with more than a few queries. The nodes it replaces stay,
    /// and are computed only if something else needs them.
    pub(super) fn fuse_attention(&mut self, how: &FlashAttention) {
        for index in 0..self.nodes.len() {
            let Node::Op { op, operands, shape } = &self.nodes[index] else { continue };
            let fused = match op {
                _ if shape.get(1).is_none_or(|&queries| queries <= FEW_QUERIES) => None,
                Op::AttentionContext => self.fused(operands),
                Op::GroupedContext { kv_heads, .. } => self.fused_groups(operands, *kv_heads),
                _ => None,
            };
            if let Some((flash, operands)) = fused {
                let op = Op::Flash(Flash { tile: how.block_size, ..flash });
                self.nodes[index] = Node::Op { op, operands, shape: shape.clone() };
            }
        }
    }

    fn fused(&self, context: &[Source]) -> Option<(Flash, Vec<Source>)> {
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

    fn fused_groups(&self, context: &[Source], kv_heads: usize) -> Option<(Flash, Vec<Source>)> {
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

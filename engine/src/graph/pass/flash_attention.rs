//! Scores, softmax and weighed values become one operation, wherever they follow each other.

use crate::{
    error::Result,
    graph::{
        Flash, Graph, Op, Value,
        build::{Node, Source},
    },
    protocol::FlashAttention,
};

/// Wider heads keep the plain form.
const WIDEST: usize = 256;
/// An attention and its operands.
type Fused = (Flash, Vec<Source>);

impl Graph {
    /// Puts [`Op::Flash`] in place of every attention. The nodes it makes superfluous stay, and are computed only
    /// if something else needs them.
    pub(super) fn fuse_attention(&mut self, how: &FlashAttention) -> Result<()> {
        let fused: Vec<Option<Fused>> = (0..self.nodes.len()).map(|index| self.attention_at(index)).collect();
        let old = std::mem::take(self);
        let mut place: Vec<Value> = Vec::with_capacity(fused.len());
        for (node, fused) in old.nodes.into_iter().zip(fused) {
            let moved = |operands: Vec<Source>| -> Vec<Source> {
                let to = |operand| match operand {
                    Source::Value(Value(index)) => Source::Value(place[index]),
                    param @ Source::Param(_) => param,
                };
                operands.into_iter().map(to).collect()
            };
            let value = match (fused, node) {
                (Some((flash, operands)), _) => {
                    let operands = moved(operands);
                    let splits = self.splits(&flash, &operands);
                    self.flash(&Flash { splits, tile: how.block_size, ..flash }, operands)?
                }
                (None, Node::Op { op, operands, shape }) => {
                    let operands = moved(operands);
                    self.push(Node::Op { op, operands, shape })
                }
                (None, Node::View { of, shape }) => self.push(Node::View { of: place[of.0], shape }),
                (None, node) => self.push(node),
            };
            place.push(value);
        }
        self.outputs = old.outputs.into_iter().map(|(name, value)| (name, place[value.0])).collect();
        self.effects = old.effects.into_iter().map(|value| place[value.0]).collect();
        Ok(())
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

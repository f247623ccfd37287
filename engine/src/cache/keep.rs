//! Which tokens of a prompt stay when a cache has room for a part of them only. The first ones always do, and the
//! last ones; of the rest those that the last queries looked at (Li et al. 2024).

use crate::{
    error::Result,
    graph::{Attend, Graph, Select, Value},
    protocol::{PrunePolicy, Tensor},
};

/// Last queries whose attention says what is important.
const OBSERVED: usize = 32;

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// By what.
    pub policy: PrunePolicy,
    /// How many stay.
    pub count: usize,
    /// First tokens that stay whatever their importance.
    pub sinks: usize,
}

impl Keep {
    /// Writes into `places` `[B, kv, count]` which tokens of a prompt stay, from its queries and keys.
    pub fn choose(&self, graph: &mut Graph, places: Value, [q, k]: [Value; 2], how: &Attend) -> Result<Value> {
        let [batch, length] = [0, 1].map(|axis| graph.shape(q).get(axis).copied().unwrap_or(0));
        let room = self.count.saturating_sub(self.sinks);
        let (importance, recent) = if self.policy == PrunePolicy::Recency {
            let shape = [batch, how.kv_heads, length];
            let nothing = Tensor::f32(&shape, vec![0.0; shape.iter().product()]);
            (graph.constant(nothing), room)
        } else {
            let observed = OBSERVED.min(length);
            let first = length - observed;
            let last = graph.slice(q, 1, i32::try_from(first).unwrap_or(i32::MAX), observed)?;
            // Padding is left out when tokens are chosen; here it only takes its share of the sum.
            let mask = graph.constant(Tensor::i32(&[batch, length], vec![1; batch * length]));
            let past = graph.constant(Tensor::i32(&[1], vec![i32::try_from(first).unwrap_or(i32::MAX)]));
            let shares = graph.shares(last, k, &Attend { mask, past, ..*how })?;
            let counted = self.policy == PrunePolicy::Frequency;
            (graph.importance(shares, how.kv_heads, counted)?, OBSERVED.min(room / 2))
        };
        graph.select(Select { sinks: self.sinks, recent }, places, importance, how.mask)
    }
}

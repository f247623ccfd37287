//! Fewer bits, fewer rows, or both. A pass over a prompt attends to its own keys and values as they are; what is
//! kept of them is what later passes read.

use super::{Cache, Keep, plain::shape};
use crate::{
    error::{Error, Result},
    graph::{Attend, Element, Flash, Graph, Ring, Source, Span, Store, Stored, Value},
    protocol::Tensor,
};

/// Caches `[B, kv, rows, words]` per layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compact {
    /// How rows are stored. With 4 bits keys are turned first: their channels differ too much for one step size.
    pub stored: Stored,
    /// Which token goes where.
    pub ring: Ring,
    /// What a query of the prompt sees, where the cache will not hold everything.
    pub window: Option<Span>,
    /// Which tokens of the prompt stay in the rows in front of the ring, if not all.
    pub keep: Option<Keep>,
    /// Whether the pass is the one over the prompt.
    pub first: bool,
}

fn name(layer: usize, part: &str) -> String {
    format!("layer{layer}.{part}")
}

impl Compact {
    fn turned(&self, part: &str) -> bool {
        self.stored == Stored::Bits4 && part.ends_with("key")
    }

    /// Writes rows of keys or values into their cache.
    fn store(
        &self,
        graph: &mut Graph,
        part: &str,
        x: Value,
        (ring, heads): (Ring, usize),
        past: Value,
        places: Option<Value>,
    ) -> Result<Value> {
        let shape = shape(graph, x, heads, ring.all());
        let cache = graph.memory(part, shape, self.stored);
        let (stored, turned, placed) = (self.stored, self.turned(part), places.is_some());
        graph.store(Store { heads, stored, turned, ring, placed }, cache, x, past, places)
    }

    /// Attention over the tokens of the pass.
    fn within(&self, graph: &mut Graph, [q, k, v]: [Value; 3], how: &Attend) -> Result<Value> {
        let flash = Flash { window: self.window, ..flash(how) };
        let operands = [q, k, v, how.mask, how.past].into_iter().chain(how.bias).map(Source::Value).collect();
        graph.flash(&flash, operands)
    }

    /// Attention over caches.
    fn over(&self, graph: &mut Graph, [q, k, v]: [Value; 3], flash: &Flash, rest: Vec<Value>) -> Result<Value> {
        let q = if self.turned("key") { graph.turn(q, flash.heads)? } else { q };
        let operands: Vec<_> = [q, k, v].into_iter().chain(rest).map(Source::Value).collect();
        let splits = graph.splits(flash, &operands);
        graph.flash(&Flash { splits, stored: self.stored, ..*flash }, operands)
    }
}

/// Attention with a mask and keys in front of the queries.
fn flash(how: &Attend) -> Flash {
    let &Attend { heads, kv_heads, scale, causal, bias, .. } = how;
    let biased = bias.is_some();
    Flash { heads, kv_heads, scale, causal, masked: true, cached: true, biased, ..Flash::default() }
}

impl Cache for Compact {
    fn attend(&self, graph: &mut Graph, layer: usize, [q, k, v]: [Value; 3], how: &Attend) -> Result<Value> {
        if !how.causal {
            return Err(Error::internal("only what is causal can be continued"));
        }
        let places = match self.keep {
            None => None,
            Some(keep) => {
                let batch = graph.shape(q).first().copied().unwrap_or(0);
                let shape = [batch, how.kv_heads, self.ring.fixed];
                let places = graph.state_of(&name(layer, "places"), &shape, Element::I32);
                Some(if self.first { keep.choose(graph, places, [q, k], how)? } else { places })
            }
        };
        let moved = places.filter(|_| self.first);
        let mut stored =
            |part: &str, x: Value| self.store(graph, &name(layer, part), x, (self.ring, how.kv_heads), how.past, moved);
        let (keys, values) = (stored("key", k)?, stored("value", v)?);
        if self.first {
            [Some(keys), Some(values), places].into_iter().flatten().for_each(|kept| graph.effect(kept));
            return self.within(graph, [q, k, v], how);
        }
        // Where every token stays, token t is in row t.
        let ring = (self.window.is_some() || self.keep.is_some()).then_some(self.ring);
        let flash = Flash { ring, placed: places.is_some(), ..flash(how) };
        let rest = [how.mask, how.past].into_iter().chain(how.bias).chain(places).collect();
        self.over(graph, [q, keys, values], &flash, rest)
    }

    fn keep(&self, graph: &mut Graph, layer: usize, kv: [Value; 2], heads: usize) -> Result<()> {
        let first = graph.constant(Tensor::i32(&[1], vec![0]));
        for (part, x) in ["memory.key", "memory.value"].into_iter().zip(kv) {
            let rows = graph.shape(x).get(1).copied().unwrap_or(0);
            let ring = Ring { from: 0, fixed: 0, rows };
            let kept = self.store(graph, &name(layer, part), x, (ring, heads), first, None)?;
            graph.effect(kept);
        }
        Ok(())
    }

    fn recall(&self, graph: &mut Graph, layer: usize, q: Value, how: &Attend) -> Result<Value> {
        let rows = graph.shape(how.mask).get(1).copied().unwrap_or(0);
        let mut shape = shape(graph, q, how.heads, rows);
        shape[1] = how.kv_heads;
        let [k, v] = ["memory.key", "memory.value"].map(|part| graph.memory(&name(layer, part), shape, self.stored));
        let rest = [how.mask, how.past].into_iter().chain(how.bias).collect();
        self.over(graph, [q, k, v], &flash(how), rest)
    }
}

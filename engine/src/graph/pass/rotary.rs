//! Keys that are turned only to be kept are turned on their way into the cache: one operation less, and one result that
//! never reaches memory.

use crate::{
    error::Result,
    graph::{
        Graph, Op, Value,
        build::{Node, Source},
    },
};

impl Graph {
    /// Puts [`Op::Rotary`] into the [`Op::Append`] that alone reads its result.
    pub(super) fn fuse_rotary(&mut self) -> Result<()> {
        let uses = self.uses();
        let fused: Vec<_> = (0..self.nodes.len()).map(|index| self.turn_at(index, &uses)).collect();
        self.replace(fused, |graph, heads, operands| graph.op(Op::Append { heads, turned: true }, operands))
    }

    /// Heads and operands of the append that node `index` is, if what it appends was turned for it.
    fn turn_at(&self, index: usize, uses: &[usize]) -> Option<(usize, Vec<Source>)> {
        let Node::Op { op: Op::Append { heads, turned: false }, operands, .. } = &self.nodes[index] else {
            return None;
        };
        let [cache, Source::Value(Value(turn)), past] = operands.as_slice() else { return None };
        let Node::Op { op: Op::Rotary { heads: turned }, operands, .. } = &self.nodes[*turn] else { return None };
        let [x, table @ ..] = operands.as_slice() else { return None };
        let fits = heads == turned && uses[*turn] == 1;
        fits.then(|| (*heads, [cache, x, past].into_iter().chain(table).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{graph::Element, protocol::Options};

    /// The append of turned keys, which are looked at too if `wanted`.
    fn append(wanted: bool) -> Op {
        let mut graph = Graph::new();
        let x = graph.input("x", &[1, 3, 8], Element::F32);
        let positions = graph.input("positions", &[1, 3], Element::I32);
        let table = ["cosines", "sines"].map(|name| graph.input(name, &[16, 2], Element::F32));
        let past = graph.input("past", &[1], Element::I32);
        let cache = graph.state("cache", &[1, 2, 16, 4]);
        let keys = graph.rotary(x, positions, table, 2).expect("fits");
        let kept = graph.append(cache, keys, past).expect("fits");
        graph.output("kept", kept);
        if wanted {
            graph.output("keys", keys);
        }
        graph.optimize(&Options::default()).expect("a graph");
        match graph.nodes[graph.named("kept").expect("an output").0] {
            Node::Op { op, .. } => op,
            _ => panic!("nothing is appended"),
        }
    }

    #[test]
    fn keys_are_turned_on_their_way() {
        assert_eq!(append(false), Op::Append { heads: 2, turned: true });
    }

    #[test]
    fn keys_that_others_want_are_turned_first() {
        assert_eq!(append(true), Op::Append { heads: 2, turned: false });
    }
}

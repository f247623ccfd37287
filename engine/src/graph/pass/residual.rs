//! What is added to the result of a linear layer becomes part of the layer: one operation less, and one result that
//! never reaches memory.

use crate::{
    error::Result,
    graph::{
        Graph, Op,
        build::{Node, Source},
    },
};

impl Graph {
    /// Puts the sum into every linear layer without bias and activation whose result is only added to something of
    /// its shape.
    pub(super) fn fuse_residuals(&mut self) -> Result<()> {
        let uses = self.uses();
        let fused: Vec<_> = (0..self.nodes.len()).map(|index| self.sum_at(index, &uses)).collect();
        self.replace(fused, |graph, (), operands| graph.op(Op::Linear { activation: None }, operands))
    }

    /// The operands of the layer that computes node `index` as well.
    fn sum_at(&self, index: usize, uses: &[usize]) -> Option<((), Vec<Source>)> {
        let Node::Op { op: Op::Add, operands, .. } = &self.nodes[index] else { return None };
        let [a, b] = operands.as_slice() else { return None };
        [(a, b), (b, a)].into_iter().find_map(|(product, residual)| {
            let (Source::Value(product), Source::Value(other)) = (product, residual) else { return None };
            let Node::Op { op: Op::Linear { activation: None }, operands, shape } = &self.nodes[product.0] else {
                return None;
            };
            let fits = operands.len() == 2 && uses[product.0] == 1 && self.shape(*other) == shape;
            fits.then(|| ((), operands.iter().chain([residual]).cloned().collect()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{graph::Element, protocol::Options, weights::Param};

    fn graph(output_product: bool) -> Graph {
        let mut graph = Graph::new();
        let x = graph.input("x", &[2, 3, 4], Element::F32);
        let weight = Param { id: 0, shape: vec![4, 4] };
        let product = graph.project(x, &weight, None).expect("fits");
        let sum = graph.add(x, product).expect("fits");
        graph.output("sum", sum);
        if output_product {
            graph.output("product", product);
        }
        graph.optimize(&Options::default()).expect("a graph");
        graph
    }

    fn sum(graph: &Graph) -> &Node {
        &graph.nodes[graph.named("sum").expect("an output").0]
    }

    #[test]
    fn a_sum_becomes_part_of_the_layer() {
        let graph = graph(false);
        let Node::Op { op: Op::Linear { activation: None }, operands, shape } = sum(&graph) else {
            panic!("no layer: {:?}", sum(&graph));
        };
        assert_eq!(*shape, [2, 3, 4]);
        assert_eq!(operands.len(), 3);
    }

    #[test]
    fn a_product_that_others_want_stays() {
        assert!(matches!(sum(&graph(true)), Node::Op { op: Op::Add, .. }));
    }
}

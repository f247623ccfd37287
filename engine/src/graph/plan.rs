//! From a graph to steps over a few reused buffers.
//!
//! Only what the outputs need is computed. A buffer is free again after the last step that reads the value
//! in it; a new value takes the free buffer that fits best, and grows the largest one if none fits. Outputs
//! keep their buffers until the end. The plan depends on shapes and outputs only and can be run again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Element, Graph, Op,
    build::{Node, Source, Value},
};
use crate::{
    error::{Error, Result},
    protocol::Tensor,
    weights::Param,
};

/// What a step reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A buffer of the plan, holding a tensor of this shape.
    Buffer {
        /// Which buffer.
        index: usize,
        /// Shape of the tensor in it.
        shape: Vec<usize>,
    },
    /// A weight.
    Param(Param),
}

impl Operand {
    /// Shape of the tensor.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Buffer { shape, .. } => shape,
            Self::Param(param) => &param.shape,
        }
    }
}

/// One operation.
#[derive(Debug)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// What is read.
    pub operands: Vec<Operand>,
    /// Buffer that is written.
    pub output: usize,
    /// Shape of the result.
    pub shape: Vec<usize>,
}

/// A tensor that comes in or goes out.
#[derive(Debug)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its buffer.
    pub buffer: usize,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its element type.
    pub element: Element,
}

/// Steps in order, and the buffers they work in.
#[derive(Debug)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Bytes of every buffer.
    pub buffers: Vec<u64>,
    /// What has to be written before the first step.
    pub inputs: Vec<Port>,
    /// What can be read after the last step.
    pub outputs: Vec<Port>,
    /// What has to be written once.
    pub constants: Vec<(usize, Tensor)>,
    /// Buffers that come from outside, by name: they outlive the program.
    pub states: Vec<Port>,
}

impl Plan {
    /// Plans the computation of `outputs`.
    pub fn new(graph: &Graph, outputs: &[String]) -> Result<Self> {
        let mut wanted = BTreeMap::new();
        for name in outputs {
            let value = graph.outputs.get(name).ok_or_else(|| {
                let known: Vec<_> = graph.outputs.keys().map(String::as_str).collect();
                Error::model("the model has no such output").expected(known.join(", ")).found(format!("'{name}'"))
            })?;
            wanted.insert(name.clone(), *value);
        }
        let last_use = last_uses(graph, &wanted);
        let mut pool = Pool::default();
        let mut place: Vec<usize> = vec![usize::MAX; graph.nodes.len()];
        let mut plan = Self {
            steps: Vec::new(),
            buffers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            constants: Vec::new(),
            states: Vec::new(),
        };
        // Buffers of constants and states are nobody else's, ever.
        let mut lasting = BTreeSet::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            if last_use[index].is_none() {
                continue;
            }
            match node {
                Node::Constant(tensor) => {
                    place[index] = pool.take(bytes(&tensor.shape));
                    plan.constants.push((place[index], tensor.clone()));
                }
                Node::State { name, shape, element } => {
                    place[index] = pool.take(bytes(shape));
                    let (name, shape) = (name.clone(), shape.clone());
                    plan.states.push(Port { name, buffer: place[index], shape, element: *element });
                }
                Node::Input { .. } | Node::View { .. } | Node::Op { .. } => continue,
            }
            lasting.insert(place[index]);
        }
        // Inputs are all written before the first step, so none of them may share a buffer.
        for (index, node) in graph.nodes.iter().enumerate() {
            if let (Node::Input { name, shape, element }, Some(_)) = (node, last_use[index]) {
                place[index] = pool.take(bytes(shape));
                let port = Port { name: name.clone(), buffer: place[index], shape: shape.clone(), element: *element };
                plan.inputs.push(port);
            }
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if let Node::View { of, .. } = node {
                place[index] = place[of.0];
            }
            let (Node::Op { op, operands, shape }, Some(_)) = (node, last_use[index]) else { continue };
            let dies = |value: &Value| last_use[graph.root(*value).0] == Some(index);
            place[index] = match (op.in_place(), &operands[0]) {
                (true, Source::Value(first)) if dies(first) => place[first.0],
                (true, _) => return Err(Error::internal(format!("{op:?} overwrites a value that is needed later"))),
                (false, _) => pool.take(bytes(shape)),
            };
            plan.steps.push(Step {
                op: *op,
                operands: operands.iter().map(|operand| resolve(graph, &place, operand)).collect(),
                output: place[index],
                shape: shape.clone(),
            });
            let mut dead: Vec<usize> = operands
                .iter()
                .filter_map(|operand| match operand {
                    Source::Value(value) if dies(value) => Some(place[value.0]),
                    _ => None,
                })
                .filter(|buffer| *buffer != place[index] && !lasting.contains(buffer))
                .collect();
            dead.sort_unstable();
            dead.dedup();
            pool.free.extend(dead);
        }
        for (name, value) in wanted {
            let shape = graph.shape(value).to_vec();
            plan.outputs.push(Port { name, buffer: place[value.0], shape, element: graph.element(value) });
        }
        plan.buffers = pool.sizes;
        Ok(plan)
    }
}

fn resolve(graph: &Graph, place: &[usize], operand: &Source) -> Operand {
    match operand {
        Source::Value(value) => Operand::Buffer { index: place[value.0], shape: graph.shape(*value).to_vec() },
        Source::Param(param) => Operand::Param(param.clone()),
    }
}

/// The last node that reads each value: `None` if nobody needs it, the number of nodes if it is an output.
fn last_uses(graph: &Graph, outputs: &BTreeMap<String, Value>) -> Vec<Option<usize>> {
    let end = graph.nodes.len();
    let mut last = vec![None; end];
    for value in outputs.values() {
        last[graph.root(*value).0] = Some(end);
    }
    for value in &graph.effects {
        last[graph.root(*value).0] = Some(end);
    }
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if let (Node::Op { operands, .. }, Some(_)) = (node, last[index]) {
            for operand in operands {
                if let Source::Value(value) = operand {
                    let value = graph.root(*value);
                    last[value.0] = last[value.0].max(Some(index));
                }
            }
        }
    }
    last
}

fn bytes(shape: &[usize]) -> u64 {
    4 * shape.iter().map(|&d| d as u64).product::<u64>()
}

/// Buffers and which of them are free.
#[derive(Default)]
struct Pool {
    sizes: Vec<u64>,
    free: Vec<usize>,
}

impl Pool {
    fn take(&mut self, bytes: u64) -> usize {
        let fits = |&(_, &buffer): &(usize, &usize)| self.sizes[buffer] >= bytes;
        let best = self.free.iter().enumerate().filter(fits).min_by_key(|&(_, &buffer)| self.sizes[buffer]);
        let largest = || self.free.iter().enumerate().max_by_key(|&(_, &buffer)| self.sizes[buffer]);
        let Some((position, &buffer)) = best.or_else(largest) else {
            self.sizes.push(bytes);
            return self.sizes.len() - 1;
        };
        self.free.swap_remove(position);
        self.sizes[buffer] = self.sizes[buffer].max(bytes);
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_needs_two_buffers_and_unused_nodes_need_none() {
        let mut graph = Graph::new();
        let mut x = graph.input("x", &[2, 3], Element::F32);
        for _ in 0..5 {
            x = graph.normalize(x).expect("shapes fit");
        }
        graph.output("end", x);
        let more = graph.normalize(x).expect("shapes fit");
        graph.output("more", more);
        let plan = Plan::new(&graph, &["end".into()]).expect("plans");
        assert_eq!((plan.steps.len(), plan.buffers.as_slice()), (5, &[24, 24][..]));
        let error = Plan::new(&graph, &["ends".into()]).expect_err("no such output");
        assert_eq!(error.to_string(), "the model has no such output: expected end, more, found 'ends'");
    }

    #[test]
    fn an_output_keeps_its_buffer() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[4], Element::F32);
        let a = graph.normalize(x).expect("shapes fit");
        let b = graph.normalize(a).expect("shapes fit");
        let c = graph.normalize(b).expect("shapes fit");
        graph.output("a", a);
        graph.output("c", c);
        let plan = Plan::new(&graph, &["a".into(), "c".into()]).expect("plans");
        let places: Vec<_> = plan.outputs.iter().map(|port| port.buffer).collect();
        assert_ne!(places[0], places[1]);
        assert!(plan.steps[1..].iter().all(|step| step.output != places[0]));
    }
}

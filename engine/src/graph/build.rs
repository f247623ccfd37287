//! The graph of one forward pass, as a model writes it down.

use std::collections::BTreeMap;

use super::{Element, Op};
use crate::{
    error::{Error, Result},
    weights::Param,
};

/// A tensor of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(pub(super) usize);

/// Where an operand of a node comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Another node.
    Value(Value),
    /// A weight.
    Param(Param),
}

#[derive(Debug)]
pub(super) enum Node {
    Input {
        name: String,
        shape: Vec<usize>,
        element: Element,
    },
    /// Another node's values under another shape.
    View {
        of: Value,
        shape: Vec<usize>,
    },
    Op {
        op: Op,
        operands: Vec<Source>,
        shape: Vec<usize>,
    },
}

impl Node {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Input { shape, .. } | Self::View { shape, .. } | Self::Op { shape, .. } => shape,
        }
    }
}

/// Nodes in an order in which they can be computed, and the names of results.
#[derive(Debug, Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: BTreeMap<String, Value>,
}

impl Graph {
    /// A graph without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tensor given from outside.
    pub fn input(&mut self, name: &str, shape: &[usize], element: Element) -> Value {
        self.push(Node::Input { name: name.to_owned(), shape: shape.to_vec(), element })
    }

    /// Gives a tensor a name under which it can be asked for.
    pub fn output(&mut self, name: &str, value: Value) {
        self.outputs.insert(name.to_owned(), value);
    }

    /// Names of everything that can be asked for, sorted.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.outputs.keys().map(String::as_str)
    }

    /// The tensor's shape.
    #[must_use]
    pub fn shape(&self, value: Value) -> &[usize] {
        self.nodes[value.0].shape()
    }

    /// The rows of `table` that `ids` name.
    pub fn gather(&mut self, ids: Value, table: &Param) -> Result<Value> {
        self.op(Op::Gather, vec![Source::Value(ids), Source::Param(table.clone())])
    }

    /// `a + b`
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        self.op(Op::Add, vec![Source::Value(a), Source::Value(b)])
    }

    /// Layer norm of `x`, or of `x + residual`.
    pub fn layer_norm(
        &mut self,
        x: Value,
        residual: Option<Value>,
        scale: &Param,
        shift: &Param,
        epsilon: f32,
    ) -> Result<Value> {
        let mut operands = vec![Source::Value(x), Source::Param(scale.clone()), Source::Param(shift.clone())];
        operands.extend(residual.map(Source::Value));
        self.op(Op::LayerNorm { epsilon, residual: residual.is_some() }, operands)
    }

    /// `activation(x · weightᵀ + bias)`
    pub fn linear(
        &mut self,
        x: Value,
        weight: &Param,
        bias: &Param,
        activation: Option<super::Activation>,
    ) -> Result<Value> {
        let operands = vec![Source::Value(x), Source::Param(weight.clone()), Source::Param(bias.clone())];
        self.op(Op::Linear { activation }, operands)
    }

    /// Attention of `heads` heads over the positions where `mask` is not 0, with the full matrix of scores.
    pub fn attention(&mut self, q: Value, k: Value, v: Value, mask: Value, heads: usize) -> Result<Value> {
        let rule = super::AttentionRule { mask: Some(mask), ..Default::default() };
        self.attention_by([q, k, v], heads, &rule)
    }

    /// The first row of every sequence.
    pub fn first_row(&mut self, x: Value) -> Result<Value> {
        self.op(Op::FirstRow, vec![Source::Value(x)])
    }

    /// The mean of every sequence over the positions where `mask` is not 0.
    pub fn mean_rows(&mut self, x: Value, mask: Value) -> Result<Value> {
        self.op(Op::MeanRows, vec![Source::Value(x), Source::Value(mask)])
    }

    /// Rows of length 1.
    pub fn normalize(&mut self, x: Value) -> Result<Value> {
        self.op(Op::Normalize, vec![Source::Value(x)])
    }

    /// The node that holds a value: itself, unless it is another one's values under another shape.
    pub(super) fn root(&self, value: Value) -> Value {
        match self.nodes[value.0] {
            Node::View { of, .. } => of,
            _ => value,
        }
    }

    pub(super) fn op(&mut self, op: Op, operands: Vec<Source>) -> Result<Value> {
        let shapes: Vec<&[usize]> = operands
            .iter()
            .map(|operand| match operand {
                Source::Value(value) => self.shape(*value),
                Source::Param(param) => &param.shape,
            })
            .collect();
        let shape = op.shape(&shapes)?;
        if shape.iter().try_fold(1_u32, |n, &d| n.checked_mul(u32::try_from(d).ok()?)).is_none() {
            return Err(Error::out_of_memory("a tensor of more than 2^32 values")
                .of(format!("{op:?}"))
                .found(format!("{shape:?}"))
                .hint("use a smaller batch or a shorter sequence"));
        }
        Ok(self.push(Node::Op { op, operands, shape }))
    }

    pub(super) fn push(&mut self, node: Node) -> Value {
        self.nodes.push(node);
        Value(self.nodes.len() - 1)
    }
}

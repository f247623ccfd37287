//! The graph of one forward pass, as a model writes it down.

use std::collections::BTreeMap;

use super::{Element, Op, Sampling};
use crate::{
    error::{Error, Result},
    protocol::Tensor,
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
    /// Values that are the same in every run.
    Constant(Tensor),
    /// A buffer that outlives the runs of a program, and may be shared by several.
    State {
        name: String,
        shape: Vec<usize>,
        element: Element,
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
            Self::Input { shape, .. }
            | Self::View { shape, .. }
            | Self::State { shape, .. }
            | Self::Op { shape, .. } => shape,
            Self::Constant(tensor) => &tensor.shape,
        }
    }
}

/// Nodes in an order in which they can be computed, and the names of results.
#[derive(Debug, Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: BTreeMap<String, Value>,
    /// Computed even if no output needs them.
    pub(super) effects: Vec<Value>,
}

/// How queries attend to keys and values in groups of heads.
#[derive(Clone, Copy)]
pub struct Attend {
    /// Query heads.
    pub heads: usize,
    /// Heads of keys and values, which divide the query heads.
    pub kv_heads: usize,
    /// Factor of every dot product.
    pub scale: f32,
    /// Whether query i sees keys up to past + i only.
    pub causal: bool,
    /// `[B, T]`, 0 where a key is padding.
    pub mask: Value,
    /// `[1]`: number of keys in front of the first query's own.
    pub past: Value,
    /// Added to the scores by distance from query to key: `[distances, heads]`, an odd number of them around 0.
    pub bias: Option<Value>,
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

    /// A tensor whose values are known.
    pub fn constant(&mut self, values: Tensor) -> Value {
        self.push(Node::Constant(values))
    }

    /// A tensor of floats that outlives a run. Its name identifies it across graphs; it may be used once, as
    /// it is or by an operation that writes over it.
    pub fn state(&mut self, name: &str, shape: &[usize]) -> Value {
        self.state_of(name, shape, Element::F32)
    }

    /// The same for any values of 32 bits. In the first run it is zero.
    pub fn state_of(&mut self, name: &str, shape: &[usize], element: Element) -> Value {
        self.push(Node::State { name: name.to_owned(), shape: shape.to_vec(), element })
    }

    /// Has an input of floats come from a buffer that another program writes.
    pub fn reside(&mut self, name: &str) {
        for node in &mut self.nodes {
            if let Node::Input { name: known, shape, element: Element::F32 } = node
                && known == name
            {
                *node =
                    Node::State { name: std::mem::take(known), shape: std::mem::take(shape), element: Element::F32 };
            }
        }
    }

    /// Has a value computed even if no output needs it: for what is written into states.
    pub fn effect(&mut self, value: Value) {
        self.effects.push(value);
    }

    /// Gives a tensor a name under which it can be asked for.
    pub fn output(&mut self, name: &str, value: Value) {
        self.outputs.insert(name.to_owned(), value);
    }

    /// The tensor that was given this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Value> {
        self.outputs.get(name).copied()
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

    /// The rows of another tensor `[rows, H]` that `ids` name.
    pub fn gather_rows(&mut self, ids: Value, rows: Value) -> Result<Value> {
        self.op(Op::Gather, vec![Source::Value(ids), Source::Value(rows)])
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

    /// `activation(x · weightᵀ)`
    pub fn project(&mut self, x: Value, weight: &Param, activation: Option<super::Activation>) -> Result<Value> {
        self.op(Op::Linear { activation }, vec![Source::Value(x), Source::Param(weight.clone())])
    }

    /// RMS norm of `x`.
    pub fn rms_norm(&mut self, x: Value, scale: &Param, epsilon: f32) -> Result<Value> {
        self.op(Op::RmsNorm { epsilon }, vec![Source::Value(x), Source::Param(scale.clone())])
    }

    /// `x` with the pairs of every head turned by the angles of its positions; `table` is cosines and sines.
    pub fn rotary(&mut self, x: Value, positions: Value, table: [Value; 2], heads: usize) -> Result<Value> {
        self.op(Op::Rotary { heads }, [x, positions, table[0], table[1]].map(Source::Value).into())
    }

    /// `a · b`, value by value
    pub fn multiply(&mut self, a: Value, b: Value) -> Result<Value> {
        self.op(Op::Multiply, vec![Source::Value(a), Source::Value(b)])
    }

    /// `factor · x`
    pub fn scale(&mut self, x: Value, factor: f32) -> Result<Value> {
        self.op(Op::Scale { factor }, vec![Source::Value(x)])
    }

    /// `count` columns of `x` from `first` on.
    pub fn columns(&mut self, x: Value, first: usize, count: usize) -> Result<Value> {
        self.op(Op::Columns { first, count }, vec![Source::Value(x)])
    }

    /// The row of every sequence that `rows` names.
    pub fn take_row(&mut self, x: Value, rows: Value) -> Result<Value> {
        self.op(Op::TakeRow, vec![Source::Value(x), Source::Value(rows)])
    }

    /// Windows of `size` rows of `x`, one every `stride` rows, with `padding` zero rows at both ends.
    pub fn windows(&mut self, x: Value, size: usize, stride: usize, padding: usize) -> Result<Value> {
        self.op(Op::Windows { size, stride, padding }, vec![Source::Value(x)])
    }

    /// `cache` with the rows of `x` from row `past` on.
    pub fn append(&mut self, cache: Value, x: Value, past: Value) -> Result<Value> {
        let heads = self.shape(cache).get(1).copied().unwrap_or(0);
        self.op(Op::Append { heads, turned: false }, [cache, x, past].map(Source::Value).into())
    }

    /// Attention in groups of heads, with the full matrix of scores.
    pub fn attend(&mut self, q: Value, k: Value, v: Value, how: &Attend) -> Result<Value> {
        let Attend { kv_heads, causal, past, .. } = *how;
        let shares = self.shares(q, k, how)?;
        self.op(Op::GroupedContext { kv_heads, causal }, [shares, v, past].map(Source::Value).into())
    }

    /// How much every query looks at every key `[B, heads, S, T]`.
    pub fn shares(&mut self, q: Value, k: Value, how: &Attend) -> Result<Value> {
        let Attend { heads, scale, causal, mask, past, bias, .. } = *how;
        let scores = self.op(Op::GroupedScores { heads, scale, causal }, [q, k, past].map(Source::Value).into())?;
        let mut operands: Vec<_> = [scores, mask, past].map(Source::Value).into();
        operands.extend(bias.map(Source::Value));
        self.op(Op::GroupedSoftmax { heads, causal, biased: bias.is_some() }, operands)
    }

    /// The id of the largest of every row.
    pub fn argmax(&mut self, logits: Value) -> Result<Value> {
        self.op(Op::Argmax, vec![Source::Value(logits)])
    }

    /// An id for every row, drawn by the number in `draws`.
    pub fn sample(&mut self, logits: Value, draws: Value, sampling: Sampling) -> Result<Value> {
        self.op(Op::Sample(sampling), vec![Source::Value(logits), Source::Value(draws)])
    }

    /// The tensor's element type.
    #[must_use]
    pub fn element(&self, value: Value) -> Element {
        match &self.nodes[value.0] {
            Node::Input { element, .. } | Node::State { element, .. } => *element,
            Node::Constant(tensor) if tensor.as_i32().is_some() => Element::I32,
            Node::Constant(_) => Element::F32,
            Node::View { of, .. } => self.element(*of),
            Node::Op { op, .. } => op.element(),
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

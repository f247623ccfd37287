//! What text decoders read: a whole text in one pass, or a prompt and then id after id.

use crate::{
    cache::Cache,
    error::{Error, Result},
    graph::{Element, Graph, Value},
    protocol::{Tensor, Tensors},
};

/// A prompt, checked and complete.
pub struct Prompt {
    /// Ids `[B, S]` a decoder starts from.
    pub ids: Tensor,
    /// `[B, S]`, 0 where there is padding.
    pub mask: Tensor,
    /// What an encoder reads before anything else.
    pub encode: Option<Tensors>,
    /// What only the first pass reads.
    pub first: Tensors,
    /// What every pass reads.
    pub every: Tensors,
    /// Positions there are.
    pub longest: usize,
}

/// A pass of a model that continues text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The encoder's, whose results are kept.
    Encode,
    /// Over the prompt.
    First,
    /// Over one more id.
    Next,
}

/// A model that continues text. Passes over ids read `input_ids` and `position_ids` `[B, S]`,
/// `attention_mask` over everything kept `[B, C]`, `past` `[1]`, the rows of the last ids `last` `[B]`, and what
/// the prompt adds; their graphs have the output `next.logits` `[B, V]`.
pub trait Generate {
    /// Checks what a user gives.
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt>;

    /// The graph of a pass.
    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, pass: Pass) -> Result<Graph>;
}

/// Bounds of a text.
pub struct TextRules {
    /// Ids are below this.
    pub vocabulary: usize,
    /// Positions there are.
    pub longest: usize,
}

/// A text's tensors in a graph.
pub struct Text {
    /// `[B, S]`
    pub ids: Value,
    /// `[B, S]`
    pub positions: Value,
    /// `[B, keys]`
    pub mask: Value,
    /// `[1]`
    pub past: Value,
    /// `[B]`, in a pass of a generation.
    pub last: Option<Value>,
    /// One more than the largest position, and how many are computed in the first pass.
    pub reach: [usize; 2],
}

impl TextRules {
    /// A whole text for one pass: without `position_ids` positions are counted whatever the mask says, as the
    /// models' reference implementation does.
    pub fn whole(&self, inputs: &Tensors, more: &[&str]) -> Result<Tensors> {
        let Prompt { ids, mask, .. } = self.prompt(inputs, more, &["position_ids"])?;
        let [batch, length] = [ids.shape[0], ids.shape[1]];
        let positions = match inputs.get("position_ids") {
            Some(positions) => self.integers("position_ids", positions, &ids.shape, self.longest)?,
            None => Tensor::i32(&ids.shape, (0..batch).flat_map(|_| (0..).take(length)).collect()),
        };
        let named = [("input_ids", ids), ("attention_mask", mask), ("position_ids", positions)];
        Ok(named.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect())
    }

    /// Checks `input_ids` and `attention_mask`. Inputs called `more` or `here` are left to the caller.
    pub fn prompt(&self, inputs: &Tensors, more: &[&str], here: &[&str]) -> Result<Prompt> {
        let known = [&["input_ids", "attention_mask"], here, more].concat();
        if let Some(other) = inputs.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Error::model("unknown input").expected(known.join(", ")).found(format!("'{other}'")));
        }
        let Some(ids) = inputs.get("input_ids") else {
            return Err(Error::model("missing input").expected("'input_ids'"));
        };
        let ids = self.ids("input_ids", ids)?;
        let mask = match inputs.get("attention_mask") {
            Some(mask) => self.integers("attention_mask", mask, &ids.shape, 2)?,
            None => Tensor::i32(&ids.shape, vec![1; ids.shape.iter().product()]),
        };
        let (first, every, longest) = (Tensors::new(), Tensors::new(), self.longest);
        Ok(Prompt { ids, mask, encode: None, first, every, longest })
    }

    /// Checks ids `[B, S]`.
    pub fn ids(&self, name: &str, ids: &Tensor) -> Result<Tensor> {
        let &[batch, length] = ids.shape.as_slice() else {
            let found = format!("{:?}", ids.shape);
            return Err(Error::model("wrong shape").of(name).expected("[batch, length]").found(found));
        };
        if batch == 0 || length == 0 || length > self.longest {
            return Err(Error::model("unusable shape")
                .of(name)
                .expected(format!("a batch of at least 1 and a length from 1 to {}", self.longest))
                .found(format!("{:?}", ids.shape)));
        }
        self.integers(name, ids, &ids.shape, self.vocabulary)
    }

    /// Checks integers of a shape and below a bound.
    pub fn integers(&self, name: &str, tensor: &Tensor, shape: &[usize], bound: usize) -> Result<Tensor> {
        super::inputs::check(tensor, shape, bound).map_err(|error| error.of(name))
    }
}

impl Text {
    /// Declares what [`TextRules::whole`] returns, or what a pass of a generation reads.
    pub fn declare(graph: &mut Graph, inputs: &Tensors) -> Result<Self> {
        let missing = || Error::internal("inputs were not prepared");
        let shape = |name: &str| inputs.get(name).map(|tensor| tensor.shape.as_slice()).ok_or_else(missing);
        let (ids, mask) = (shape("input_ids")?, shape("attention_mask")?);
        let keys = mask.get(1).copied().unwrap_or(0);
        let length = ids.get(1).copied().unwrap_or(0);
        let positions = inputs.get("position_ids").and_then(Tensor::as_i32).ok_or_else(missing)?;
        let largest = positions.iter().copied().max().and_then(|largest| usize::try_from(largest).ok());
        let passes = inputs.contains_key("past");
        Ok(Self {
            ids: graph.input("input_ids", ids, Element::I32),
            positions: graph.input("position_ids", ids, Element::I32),
            mask: graph.input("attention_mask", mask, Element::I32),
            past: if passes {
                graph.input("past", &[1], Element::I32)
            } else {
                graph.constant(Tensor::i32(&[1], vec![0]))
            },
            last: if passes { Some(graph.input("last", &ids[..1], Element::I32)) } else { None },
            reach: [keys.max(largest.unwrap_or(0) + 1), length],
        })
    }
}

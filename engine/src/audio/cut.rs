//! Clips as a front end on a GPU takes them: many at once, each cut or filled up.

use super::clip::Row;
use crate::{
    error::{Error, Result},
    graph::{Element, Graph, Value},
    protocol::{Tensor, Tensors},
};

/// The input whose values are the rows of a [`Cut`].
pub const SAMPLES: &str = "samples";
const LENGTHS: &str = "lengths";
const ROWS: &str = "rows";
const SHARES: &str = "shares";

/// C clips of up to N samples, and what a model gets beside their features. The samples are still where they were.
#[derive(Clone, Debug)]
pub struct Cut<'a> {
    /// The samples of each clip, at most N.
    pub rows: Vec<Row<'a>>,
    /// N.
    pub width: usize,
    /// What is behind the pieces of a row.
    pub padding: f32,
    /// What the front end reads beside `samples` `[C, N]`: `lengths` `[C]`, and to blend rows `rows` `[C, S, 2]` and
    /// `shares` `[C, S]`.
    pub inputs: Tensors,
    /// Further inputs of the model.
    pub others: Tensors,
}

impl<'a> Cut<'a> {
    /// Clips in rows of the longest one's length.
    ///
    /// # Errors
    /// When there are too many samples.
    pub(super) fn new(rows: Vec<Row<'a>>, padding: f32) -> Result<Self> {
        let width = longest(rows.iter().map(|row| row.length))?;
        let lengths = rows.iter().map(|row| i32::try_from(row.length).unwrap_or(i32::MAX)).collect();
        let inputs = Tensors::from([(LENGTHS.to_owned(), Tensor::i32(&[rows.len()], lengths))]);
        Ok(Self { rows, width, padding, inputs, others: Tensors::new() })
    }

    /// Every row counts as known up to its end.
    pub(super) fn known_throughout(mut self) -> Self {
        let lengths = vec![i32::try_from(self.width).unwrap_or(i32::MAX); self.rows.len()];
        self.inputs.insert(LENGTHS.to_owned(), Tensor::i32(&[self.rows.len()], lengths));
        self
    }

    /// Has rows of the features blended: pairs of rows and the share of the second, as many for each clip.
    pub(super) fn blending(mut self, pairs: &[[usize; 2]], shares: Vec<f32>) -> Self {
        let clips = self.rows.len();
        let each = shares.len() / clips.max(1);
        let pairs = pairs.as_flattened().iter().map(|&row| i32::try_from(row).unwrap_or(i32::MAX)).collect();
        self.inputs.insert(ROWS.to_owned(), Tensor::i32(&[clips, each, 2], pairs));
        self.inputs.insert(SHARES.to_owned(), Tensor::f32(&[clips, each], shares));
        self
    }

    /// The inputs of a graph: samples, lengths and, where rows are blended, rows and shares.
    pub(super) fn values(&self, graph: &mut Graph) -> Vec<Value> {
        let samples = graph.input(SAMPLES, &[self.rows.len(), self.width], Element::F32);
        let others = [LENGTHS, ROWS, SHARES].into_iter().filter_map(|name| {
            let tensor = self.inputs.get(name)?;
            let element = if tensor.as_i32().is_some() { Element::I32 } else { Element::F32 };
            Some(graph.input(name, &tensor.shape, element))
        });
        std::iter::once(samples).chain(others).collect()
    }

    /// What a program for it depends on.
    #[must_use]
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let samples = (SAMPLES.to_owned(), vec![self.rows.len(), self.width]);
        let others = self.inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
        std::iter::once(samples).chain(others).collect()
    }
}

/// Samples of the longest of clips that are rows of one tensor.
///
/// # Errors
/// When there are too many samples.
pub(super) fn longest(lengths: impl ExactSizeIterator<Item = usize>) -> Result<usize> {
    /// Samples of a batch: 256 MiB.
    const LIMIT: usize = 1 << 26;
    let (clips, longest) = (lengths.len(), lengths.max().unwrap_or(0));
    if longest.saturating_mul(clips) > LIMIT {
        let found = format!("{clips} clips of up to {longest}");
        return Err(Error::model("too many samples").of("audio").expected(format!("at most {LIMIT}")).found(found));
    }
    Ok(longest)
}

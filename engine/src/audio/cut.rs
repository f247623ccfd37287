//! Clips as a front end on a GPU takes them: many at once, each cut or filled up.

use crate::{
    error::{Error, Result},
    graph::{Element, Graph, Value},
    protocol::{Tensor, Tensors},
};

const SAMPLES: &str = "samples";
const LENGTHS: &str = "lengths";
const ROWS: &str = "rows";
const SHARES: &str = "shares";

/// C clips of up to N samples, and what a model gets beside their features.
#[derive(Clone, Debug)]
pub struct Cut {
    /// What the front end reads: `samples` `[C, N]`, `lengths` `[C]`, and to blend rows `rows` `[C, S, 2]` and
    /// `shares` `[C, S]`.
    pub inputs: Tensors,
    /// Further inputs of the model.
    pub others: Tensors,
}

impl Cut {
    /// Clips one behind the other, in rows of the longest one's length.
    ///
    /// # Errors
    /// When there are too many samples.
    pub(super) fn new<T: AsRef<[f32]>>(clips: &[T], padding: f32) -> Result<Self> {
        let longest = longest(clips.iter().map(|clip| clip.as_ref().len()))?;
        let mut samples = Vec::with_capacity(longest * clips.len());
        for (index, clip) in clips.iter().enumerate() {
            samples.extend_from_slice(clip.as_ref());
            samples.resize((index + 1) * longest, padding);
        }
        let lengths = clips.iter().map(|clip| i32::try_from(clip.as_ref().len()).unwrap_or(i32::MAX)).collect();
        let mut cut = Self { inputs: Tensors::new(), others: Tensors::new() };
        cut.inputs.insert(SAMPLES.to_owned(), Tensor::f32(&[clips.len(), longest], samples));
        cut.inputs.insert(LENGTHS.to_owned(), Tensor::i32(&[clips.len()], lengths));
        Ok(cut)
    }

    /// Every row counts as known up to its end.
    pub(super) fn known_throughout(mut self) -> Self {
        let [clips, longest] = [self.inputs[SAMPLES].shape[0], self.inputs[SAMPLES].shape[1]];
        let lengths = vec![i32::try_from(longest).unwrap_or(i32::MAX); clips];
        self.inputs.insert(LENGTHS.to_owned(), Tensor::i32(&[clips], lengths));
        self
    }

    /// Has rows of the features blended: pairs of rows and the share of the second, as many for each clip.
    pub(super) fn blending(mut self, pairs: &[[usize; 2]], shares: Vec<f32>) -> Self {
        let clips = self.inputs[SAMPLES].shape[0];
        let each = shares.len() / clips.max(1);
        let pairs = pairs.as_flattened().iter().map(|&row| i32::try_from(row).unwrap_or(i32::MAX)).collect();
        self.inputs.insert(ROWS.to_owned(), Tensor::i32(&[clips, each, 2], pairs));
        self.inputs.insert(SHARES.to_owned(), Tensor::f32(&[clips, each], shares));
        self
    }

    /// The inputs of a graph: samples, lengths and, where rows are blended, rows and shares.
    pub(super) fn values(&self, graph: &mut Graph) -> Vec<Value> {
        let mut value = |name: &str| {
            let tensor = self.inputs.get(name)?;
            let element = if tensor.as_i32().is_some() { Element::I32 } else { Element::F32 };
            Some(graph.input(name, &tensor.shape, element))
        };
        [SAMPLES, LENGTHS, ROWS, SHARES].into_iter().filter_map(&mut value).collect()
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

//! Attention as one operation that never holds a matrix of scores (Dao et al. 2022).

use super::{Graph, Op, Ring, Stored, Value, build::Source, memory_axes, pass::FEW_QUERIES};
use crate::error::Result;

/// Attention of queries over keys and values. Its operands are query `[B, S, heads · d]`, key and value
/// `[B, T, kv · d]` or caches `[B, kv, T, d]`, and those of [`Parts`] that the flags name, in that order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flash {
    /// Query heads.
    pub heads: usize,
    /// Heads of keys and values, which divide the query heads (Ainslie et al. 2023).
    pub kv_heads: usize,
    /// Factor of every dot product.
    pub scale: f32,
    /// Whether query i sees keys up to `past` + i only.
    pub causal: bool,
    /// Whether there is a mask.
    pub masked: bool,
    /// Whether `past` is an operand. Otherwise it is T - S.
    pub cached: bool,
    /// Whether there is a bias.
    pub biased: bool,
    /// Which keys near and far a query sees besides.
    pub window: Option<Span>,
    /// How keys and values are stored. With fewer bits keys are turned, as by [`Op::Turn`], if queries are.
    pub stored: Stored,
    /// Which token is in which row of keys and values; row t holds token t where it is `None`.
    pub ring: Option<Ring>,
    /// Whether the tokens of the rows in front of the ring are an operand.
    pub placed: bool,
    /// Side of the blocks that `blocks` speaks of, if it is an operand.
    pub blocks: Option<usize>,
    /// Parts in which the keys are looked at side by side, for [`Op::Join`]; `None` for the finished result.
    pub splits: Option<usize>,
    /// Queries and keys of a tile; chosen by the head's width and the device where it is `None`.
    pub tile: Option<u32>,
    /// Whether tiles may be multiplied as 16-bit floats.
    pub halves: bool,
}

/// A window that slides with the query, and keys that all see (Xiao et al. 2023).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How many keys up to its own a query sees, at least 1.
    pub keys: usize,
    /// How many of the first keys every query sees.
    pub sinks: usize,
}

/// The operands of [`Flash`] by their parts.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a, T> {
    /// `[B, S, heads · d]`
    pub query: &'a T,
    /// `[B, T, kv · d]` or `[B, kv, T, d]`
    pub key: &'a T,
    /// Like `key`.
    pub value: &'a T,
    /// `[B, C]`, 0 where a token is padding, for at least as many tokens as there are.
    pub mask: Option<&'a T>,
    /// `[1]`: keys in front of the first query's own.
    pub past: Option<&'a T>,
    /// Added to the scores: `[windows, heads, S, T]` with windows counted inside the batch, or for every distance
    /// -D … D from query to key `[2 · D + 1, heads]`.
    pub bias: Option<&'a T>,
    /// `[⌈S / side⌉, ⌈T / side⌉]`, 0 where no query of a block sees any key of the other.
    pub blocks: Option<&'a T>,
    /// `[B, kv, fixed]`: the tokens in front of the ring, each plus 1, or 0.
    pub places: Option<&'a T>,
}

/// Numbers that a row of a part has: the values, weighed and filled up to a multiple of four, then the largest
/// score, the sum of the shares relative to it, and two zeros.
#[must_use]
pub fn part_width(width: usize) -> usize {
    width.next_multiple_of(4) + 4
}

impl Flash {
    /// Which operand is what; `None` if there are too few or too many.
    #[must_use]
    pub fn parts<'a, T>(&self, operands: &'a [T]) -> Option<Parts<'a, T>> {
        let [query, key, value, rest @ ..] = operands else { return None };
        let mut rest = rest.iter();
        let mut next = |there: bool| if there { rest.next().map(Some) } else { Some(None) };
        let (mask, past) = (next(self.masked)?, next(self.cached)?);
        let (bias, blocks) = (next(self.biased)?, next(self.blocks.is_some())?);
        let places = next(self.placed)?;
        rest.next().is_none().then_some(Parts { query, key, value, mask, past, bias, blocks, places })
    }

    /// Shape of the result, if the operands fit.
    #[must_use]
    pub fn shape(&self, operands: &[&[usize]]) -> Option<Vec<usize>> {
        let parts = self.parts(operands)?;
        let &[batch, length, hidden] = *parts.query else { return None };
        let [b, kv, keys, words] = memory_axes(parts.key, self.kv_heads)?;
        let width = hidden / self.heads.max(1);
        let fits = b == batch
            && parts.key == parts.value
            && self.heads > 0
            && self.heads.is_multiple_of(kv)
            && hidden == self.heads * width
            && words == self.stored.words(width)
            && self.ring.is_none_or(|ring| ring.rows > 0 && ring.all() == keys && self.causal && self.cached)
            && parts.places.is_none_or(|places| self.ring.is_some_and(|ring| **places == [b, kv, ring.fixed]))
            && !(self.placed && self.blocks.is_some())
            && self.window.is_none_or(|span| span.keys > 0)
            && parts
                .mask
                .is_none_or(|mask| mask.len() == 2 && mask[0] == batch && (mask[1] >= keys || self.ring.is_some()))
            && parts.past.is_none_or(|past| **past == [1]);
        let bias = match parts.bias.copied() {
            None => true,
            Some(&[windows, heads, s, t]) => {
                windows > 0 && batch.is_multiple_of(windows) && [heads, s, t] == [self.heads, length, keys]
            }
            Some(&[distances, heads]) => distances % 2 == 1 && heads == self.heads,
            Some(_) => false,
        };
        let blocks = self
            .blocks
            .zip(parts.blocks)
            .is_none_or(|(side, blocks)| side > 0 && **blocks == [length.div_ceil(side), keys.div_ceil(side)]);
        (fits && bias && blocks).then(|| match self.splits {
            Some(splits) => vec![splits, batch, length, self.heads, part_width(width)],
            None => vec![batch, length, hidden],
        })
    }
}

/// Keys of a part at least.
const LEAST_KEYS: usize = 64;
/// Parts of all heads and sequences that keep a large GPU busy.
const ENOUGH_PARTS: usize = 512;
/// Parts of a sequence at most: joining them takes time too.
const MOST_SPLITS: usize = 32;

impl Graph {
    /// In how many parts the keys of a few queries are best looked at.
    #[must_use]
    pub fn splits(&self, flash: &Flash, operands: &[Source]) -> Option<usize> {
        let shape = |at: usize| operands.get(at).map(|operand| self.source_shape(operand));
        let &[batch, queries, _] = shape(0)? else { return None };
        let [_, _, keys, _] = memory_axes(shape(1)?, flash.kv_heads)?;
        let splits = (keys / LEAST_KEYS).min(ENOUGH_PARTS / (batch * flash.kv_heads)).min(MOST_SPLITS);
        (queries <= FEW_QUERIES && splits > 1).then_some(splits)
    }

    /// Attention without a matrix of scores; keys are looked at in parts side by side if `flash` says so.
    pub fn flash(&mut self, flash: &Flash, operands: Vec<Source>) -> Result<Value> {
        let hidden = operands.first().and_then(|query| self.source_shape(query).last()).copied().unwrap_or(0);
        let width = hidden / flash.heads.max(1);
        let result = self.op(Op::Flash(*flash), operands)?;
        if flash.splits.is_none() { Ok(result) } else { self.op(Op::Join { width }, vec![Source::Value(result)]) }
    }
}

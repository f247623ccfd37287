//! Attention that never holds a matrix of scores: tiles of keys pass by, and for every query a running maximum,
//! a running sum and the weighed values so far are kept in f32 (Milakov & Gimelshein 2018, Dao et al. 2022).

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod join;
pub mod reference;

pub use join::join;

use std::ops::Range;

use super::{
    Operand,
    grouped::{Bias, Memory, Place},
};
use crate::{
    error::{Error, Result},
    graph::{Flash, Ring, Span, Stored},
};

/// What attention reads on the CPU.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// `[B, S, heads · d]`
    pub query: &'a [f32],
    /// Keys.
    pub key: Memory<'a>,
    /// Values.
    pub value: Memory<'a>,
    /// S
    pub length: usize,
    /// Query heads.
    pub heads: usize,
    /// Width of a head.
    pub width: usize,
    /// How keys and values are stored.
    pub stored: Stored,
    /// Factor of every dot product.
    pub scale: f32,
    /// `[B, C]`, and C
    pub mask: Option<(&'a [i32], usize)>,
    /// What is added to the scores.
    pub bias: Added<'a>,
    /// Which keys exist.
    pub sight: Sight<'a>,
    /// Parts to make, if the result is made of parts.
    pub splits: Option<usize>,
    /// Side of a tile, if it was asked for.
    pub tile: Option<u32>,
}

/// What is added to scores.
#[derive(Clone, Copy)]
pub enum Added<'a> {
    /// Nothing.
    Nothing,
    /// By distance from query to key.
    Distance(Bias<'a>),
    /// One number for every score, `[windows, heads, S, T]`.
    Score {
        /// The numbers.
        table: &'a [f32],
        /// Windows inside the batch.
        windows: usize,
    },
}

/// Which keys exist for which queries.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    causal: bool,
    /// Keys in front of the first query's own; fewer than none if there are more queries than keys.
    past: isize,
    window: Option<Span>,
    /// Side of a block, and `[…, ⌈T / side⌉]`.
    blocks: Option<(usize, &'a [i32])>,
    keys: usize,
    /// Queries.
    length: usize,
    ring: Option<Ring>,
    /// `[B, kv, fixed]`
    places: Option<&'a [i32]>,
}

impl<'a> Attention<'a> {
    /// From an operation and its operands.
    pub fn new(flash: &Flash, operands: &[Operand<'a>]) -> Result<Self> {
        let parts = flash.parts(operands).ok_or_else(|| Error::internal("attention with other operands"))?;
        let memory = |operand: &Operand<'a>| {
            let place = Place::new(operand.shape, flash.kv_heads);
            let place = place.ok_or_else(|| Error::internal("no keys or values"))?;
            Ok(Memory { data: operand.f32()?, place })
        };
        let (key, value) = (memory(parts.key)?, memory(parts.value)?);
        let (length, keys) = (parts.query.shape[1], key.place.rows);
        let past = match parts.past {
            Some(past) => past.i32()?.first().map_or(0, |&past| past as isize),
            None => keys.cast_signed() - length.cast_signed(),
        };
        let bias = match parts.bias {
            None => Added::Nothing,
            Some(bias) if bias.shape.len() == 2 => Added::Distance(Bias { table: bias.f32()?, heads: flash.heads }),
            Some(bias) => Added::Score { table: bias.f32()?, windows: bias.shape[0] },
        };
        let blocks = flash.blocks.zip(parts.blocks).map(|(side, blocks)| Ok((side, blocks.i32()?)));
        Ok(Self {
            query: parts.query.f32()?,
            key,
            value,
            length,
            heads: flash.heads,
            width: parts.query.width() / flash.heads,
            stored: flash.stored,
            scale: flash.scale,
            mask: parts.mask.map(|mask| Ok::<_, Error>((mask.i32()?, mask.width()))).transpose()?,
            bias,
            sight: Sight {
                causal: flash.causal,
                past,
                window: flash.window,
                blocks: blocks.transpose()?,
                keys,
                length,
                ring: flash.ring,
                places: parts.places.map(Operand::i32).transpose()?,
            },
            splits: flash.splits,
            tile: flash.tile,
        })
    }

    /// Where head `head` of query `i` starts, in the queries and in the result.
    fn start(&self, batch: usize, head: usize, i: usize) -> usize {
        ((batch * self.length + i) * self.heads + head) * self.width
    }

    /// Number of queries of all heads and sequences.
    fn rows(&self) -> usize {
        self.query.len() / self.width
    }

    /// The token in a row of the keys that a query head reads, if there is one.
    fn token(&self, batch: usize, head: usize, row: usize) -> Option<usize> {
        let heads = self.key.place.heads;
        self.sight.token(batch * heads + head / (self.heads / heads), row)
    }

    /// What the scaled dot product of query `i` and token `j` becomes by bias and mask.
    fn score(&self, [batch, head, i, j]: [usize; 4], product: f32) -> f32 {
        let keys = self.sight.keys;
        if self.mask.is_some_and(|(mask, columns)| mask[batch * columns + j] == 0) {
            return super::attention::MASKED;
        }
        product
            + match self.bias {
                Added::Nothing => 0.0,
                Added::Distance(bias) => bias.at(j.cast_signed() - self.sight.past - i.cast_signed(), head),
                Added::Score { table, windows } => {
                    table[((batch % windows * self.heads + head) * self.length + i) * keys + j]
                }
            }
    }
}

impl Sight<'_> {
    /// Tokens up to the last query's own.
    fn seen(&self) -> usize {
        usize::try_from(self.past).unwrap_or(0) + self.length
    }

    /// Rows of keys that are in use.
    fn used(&self) -> usize {
        self.ring.map_or(self.keys, |ring| ring.used(self.seen()))
    }

    /// The token in a row of the keys of head `head`, counted over all sequences.
    fn token(&self, head: usize, row: usize) -> Option<usize> {
        let Some(ring) = self.ring else { return Some(row) };
        match self.places {
            _ if row >= ring.fixed => ring.token(row, self.seen()),
            Some(places) => usize::try_from(places[head * ring.fixed + row]).ok()?.checked_sub(1),
            None => Some(row),
        }
    }

    /// How many tokens query `i` sees, if they are the first ones of all, each in the row of its number.
    fn end(&self, i: usize) -> Option<usize> {
        let seen = usize::try_from(i.cast_signed() + self.past + 1).unwrap_or(0);
        let first = self.ring.is_none() && self.window.is_none() && self.blocks.is_none();
        first.then_some(if self.causal { seen.min(self.keys) } else { self.keys })
    }

    /// Whether query `i` sees token `j`.
    fn sees(&self, i: usize, j: usize) -> bool {
        let distance = i.cast_signed() + self.past - j.cast_signed();
        let near = |span: Span| distance < span.keys.cast_signed() || j < span.sinks;
        let block = |(side, blocks): (usize, &[i32])| blocks[i / side * self.keys.div_ceil(side) + j / side] != 0;
        !(self.causal && distance < 0) && self.window.is_none_or(near) && self.blocks.is_none_or(block)
    }

    /// Whether any of the queries may see any of the keys: what it denies need not be looked at.
    fn touches(&self, queries: &Range<usize>, keys: &Range<usize>) -> bool {
        if self.ring.is_some() {
            return true;
        }
        let [first, last] = [queries.start, queries.end - 1].map(|i| i.cast_signed() + self.past);
        let [nearest, farthest] = [keys.end - 1, keys.start].map(usize::cast_signed);
        let near = |span: Span| first - nearest < span.keys.cast_signed() || keys.start < span.sinks;
        let block = |(side, blocks): (usize, &[i32])| {
            let across = self.keys.div_ceil(side);
            (queries.start / side..=(queries.end - 1) / side).any(|line| {
                (keys.start / side..=(keys.end - 1) / side).any(|column| blocks[line * across + column] != 0)
            })
        };
        !(self.causal && farthest > last) && self.window.is_none_or(near) && self.blocks.is_none_or(block)
    }
}

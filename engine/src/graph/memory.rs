//! How keys and values of earlier passes are stored, where, and which of them stay.

use super::{Element, Graph, Op, Value, build::Source};
use crate::error::Result;

/// How a row of keys or values is stored, in words of 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stored {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, two to a word.
    F16,
    /// A word of step and least value in f16, then four 8-bit steps a word.
    Bits8,
    /// A word of step and least value in f16, then eight 4-bit steps a word.
    Bits4,
}

impl Stored {
    /// Words of a row of `width` values.
    #[must_use]
    pub fn words(self, width: usize) -> usize {
        match self {
            Self::F32 => width,
            Self::F16 => width.div_ceil(2),
            Self::Bits8 => 1 + width.div_ceil(4),
            Self::Bits4 => 1 + width.div_ceil(8),
        }
    }

    /// Bits of a value.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::F32 => 32,
            Self::F16 => 16,
            Self::Bits8 => 8,
            Self::Bits4 => 4,
        }
    }

    fn element(self) -> Element {
        if self == Self::F32 { Element::F32 } else { Element::I32 }
    }
}

/// Which row of a cache a token goes to. Tokens are counted with the padding in front of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Tokens in front of the ring: token t goes to row t, or where [`Op::Select`] placed it.
    pub from: usize,
    /// Rows of those tokens.
    pub fixed: usize,
    /// Rows that later tokens go to in turn, at least 1.
    pub rows: usize,
}

impl Ring {
    /// All rows.
    #[must_use]
    pub fn all(self) -> usize {
        self.fixed + self.rows
    }

    /// The row of a token.
    #[must_use]
    pub fn row(self, token: usize) -> usize {
        token.checked_sub(self.from).map_or(token, |later| self.fixed + later % self.rows)
    }

    /// Rows in use when `seen` tokens were stored.
    #[must_use]
    pub fn used(self, seen: usize) -> usize {
        seen.checked_sub(self.from).map_or(seen.min(self.fixed), |later| self.fixed + later.min(self.rows))
    }

    /// The token in a row of the ring when `seen` tokens were stored.
    #[must_use]
    pub fn token(self, row: usize, seen: usize) -> Option<usize> {
        let (later, row) = (seen.checked_sub(self.from + 1)?, row.checked_sub(self.fixed)?);
        let behind = (later + self.rows - row % self.rows) % self.rows;
        later.checked_sub(behind).map(|later| self.from + later)
    }
}

/// Writes rows into a cache. Operands: cache `[B, kv, T, words]`, x `[B, S, kv · d]`, past `[1]` and perhaps
/// places `[B, kv, fixed]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Heads of the cache.
    pub heads: usize,
    /// How a row is stored.
    pub stored: Stored,
    /// Whether rows are turned before, as by [`Op::Turn`].
    pub turned: bool,
    /// Where rows go.
    pub ring: Ring,
    /// Whether the rows are those that the places name, instead of all.
    pub placed: bool,
}

/// Which tokens of a prompt stay. Operands: places `[B, kv, N]`, importance `[B, kv, S]`, mask `[B, C]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select {
    /// First tokens that stay whatever their importance.
    pub sinks: usize,
    /// Last tokens that stay whatever their importance.
    pub recent: usize,
}

/// Values that are turned together: the largest power of two that divides a head's width.
#[must_use]
pub fn turned_together(width: usize) -> usize {
    1 << width.trailing_zeros().min(8)
}

impl Graph {
    /// A cache that outlives a run.
    pub fn memory(&mut self, name: &str, [batch, heads, rows, width]: [usize; 4], stored: Stored) -> Value {
        self.state_of(name, &[batch, heads, rows, stored.words(width)], stored.element())
    }

    /// Writes rows of `x` into `cache`.
    pub fn store(&mut self, store: Store, cache: Value, x: Value, past: Value, places: Option<Value>) -> Result<Value> {
        let operands = [cache, x, past].into_iter().chain(places).map(Source::Value).collect();
        self.op(Op::Store(store), operands)
    }

    /// Every head turned, so that no value stands out.
    pub fn turn(&mut self, x: Value, heads: usize) -> Result<Value> {
        self.op(Op::Turn { heads }, vec![x.into()])
    }

    /// How much the queries of shares `[B, heads, S, T]` looked at every key.
    pub fn importance(&mut self, shares: Value, kv_heads: usize, counted: bool) -> Result<Value> {
        self.op(Op::Importance { kv_heads, counted }, vec![shares.into()])
    }

    /// Writes into `places` which tokens stay.
    pub fn select(&mut self, select: Select, places: Value, importance: Value, mask: Value) -> Result<Value> {
        self.op(Op::Select(select), vec![places.into(), importance.into(), mask.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_the_last_token_that_went_there() {
        for ring in [
            Ring { from: 0, fixed: 0, rows: 1 },
            Ring { from: 2, fixed: 2, rows: 3 },
            Ring { from: 7, fixed: 4, rows: 5 },
        ] {
            let mut held = vec![None; ring.all()];
            for token in 0..40 {
                if token >= ring.from || ring.from == ring.fixed {
                    held[ring.row(token)] = Some(token);
                }
                let seen = token + 1;
                for (row, held) in held.iter().enumerate().skip(ring.fixed) {
                    assert_eq!(ring.token(row, seen), *held, "{ring:?} row {row} of {seen}");
                }
                if ring.from == ring.fixed {
                    assert_eq!(ring.used(seen), held.iter().filter(|token| token.is_some()).count());
                }
            }
        }
    }
}

//! The fast form on the CPU: a tile of queries stays while tiles of keys and values pass by.

use std::ops::Range;

use super::{Attention, join::part};
use crate::kernel::{
    attention::MASKED,
    matmul::{Rows, transposed},
};

/// Queries and keys of a tile: its scores and the keys of a usual head fit the nearest cache.
const TILE: usize = 64;

/// What is known of a tile's queries so far.
struct Running {
    /// `[queries, keys]` of the tile at hand.
    scores: Vec<f32>,
    largest: Vec<f32>,
    sums: Vec<f32>,
    side: usize,
}

/// `[B, S, heads · d]`, or parts of it.
pub fn run(what: &Attention<'_>, out: &mut [f32]) {
    if what.splits.is_some() {
        let mut result = vec![0.0; what.query.len()];
        run(&Attention { splits: None, ..*what }, &mut result);
        return part(&result, what.key.place.width, out);
    }
    let side = what.tile.map_or(TILE, |side| side as usize).max(1);
    let mut running = Running { scores: vec![0.0; side * side], largest: vec![0.0; side], sums: vec![0.0; side], side };
    let batches = what.rows() / what.heads / what.length;
    for batch in 0..batches {
        for head in 0..what.heads {
            for first in (0..what.length).step_by(side) {
                running.queries(what, [batch, head], first..what.length.min(first + side), out);
            }
        }
    }
}

impl Running {
    fn queries(&mut self, what: &Attention<'_>, [batch, head]: [usize; 2], queries: Range<usize>, out: &mut [f32]) {
        let (keys, width) = (what.sight.keys, what.key.place.width);
        let group = head / (what.heads / what.key.place.heads);
        let start = what.start(batch, head, queries.start);
        let stride = what.heads * width;
        let q = Rows { data: what.query, start, stride, count: queries.len() };
        self.largest.fill(MASKED);
        self.sums.fill(0.0);
        queries.clone().for_each(|i| out[what.start(batch, head, i)..][..width].fill(0.0));
        for first in (0..keys).step_by(self.side) {
            let tile = first..keys.min(first + self.side);
            if !what.sight.touches(&queries, &tile) {
                continue;
            }
            let k = what.key;
            let k = Rows {
                data: k.data,
                start: k.place.start(batch, group, first),
                stride: k.place.strides[2],
                count: tile.len(),
            };
            let (scores, side) = (&mut self.scores, self.side);
            transposed(q, k, width, |i, j, sum| scores[i * side + j] = sum * what.scale);
            for i in queries.clone() {
                let out = &mut out[what.start(batch, head, i)..][..width];
                self.weigh(what, [batch, head, i], i - queries.start, &tile, out);
                let shares = &self.scores[(i - queries.start) * side..][..tile.len()];
                add_values(what, [batch, group], shares, first, out);
            }
        }
        for i in queries.clone() {
            let sum = self.sums[i - queries.start];
            let inverse = if sum > 0.0 { 1.0 / sum } else { 0.0 };
            out[what.start(batch, head, i)..][..width].iter_mut().for_each(|out| *out *= inverse);
        }
    }

    /// Turns one query's scores of a tile into shares, relative to the largest score so far.
    fn weigh(
        &mut self,
        what: &Attention<'_>,
        [batch, head, i]: [usize; 3],
        row: usize,
        tile: &Range<usize>,
        out: &mut [f32],
    ) {
        let scores = &mut self.scores[row * self.side..][..tile.len()];
        let mut largest = self.largest[row];
        for (j, score) in tile.clone().zip(scores.iter_mut()) {
            *score = if what.sight.sees(i, j) {
                what.score([batch, head, i, j], *score)
            } else {
                // No share of any row, not even of one in which everything is masked.
                f32::NEG_INFINITY
            };
            largest = largest.max(*score);
        }
        let kept = (self.largest[row] - largest).exp();
        let mut sum = 0.0;
        for score in scores.iter_mut() {
            *score = (*score - largest).exp();
            sum += *score;
        }
        if kept < 1.0 {
            out.iter_mut().for_each(|out| *out *= kept);
        }
        self.sums[row] = self.sums[row] * kept + sum;
        self.largest[row] = largest;
    }
}

/// Adds the values of keys `first` … to `out`, weighed, four at a time.
fn add_values(what: &Attention<'_>, [batch, group]: [usize; 2], shares: &[f32], first: usize, out: &mut [f32]) {
    let width = out.len();
    let value = |j: usize| &what.value.data[what.value.place.start(batch, group, j)..][..width];
    let (fours, rest) = shares.as_chunks::<4>();
    let mut j = first;
    for share in fours {
        // Keys that nobody sees may hold anything.
        if *share != [0.0; 4] {
            let [a, b, c, d] = [j, j + 1, j + 2, j + 3].map(value);
            for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *out += (share[0] * a + share[1] * b) + (share[2] * c + share[3] * d);
            }
        }
        j += 4;
    }
    for &share in rest {
        if share != 0.0 {
            out.iter_mut().zip(value(j)).for_each(|(out, value)| *out += share * value);
        }
        j += 1;
    }
}

//! The fast form on the CPU: a tile of queries stays while tiles of keys and values pass by.

use std::ops::Range;

use super::{Added, Attention, join::part};
use crate::{
    graph::Stored,
    kernel::{
        attention::MASKED,
        grouped::Memory,
        matmul::{Rows, transposed},
        memory,
    },
};

/// Queries and keys of a tile: its scores and the keys of a usual head fit the nearest cache.
const TILE: usize = 64;

/// What is known of a tile's queries so far, and room for a tile of keys.
struct Running {
    /// `[queries, keys]`
    scores: Vec<f32>,
    largest: Vec<f32>,
    sums: Vec<f32>,
    /// Keys and values, where they are not stored as floats.
    keys: Vec<f32>,
    values: Vec<f32>,
    side: usize,
}

/// `[B, S, heads · d]`, or parts of it.
pub fn run(what: &Attention<'_>, out: &mut [f32]) {
    if what.splits.is_some() {
        let mut result = vec![0.0; what.query.len()];
        run(&Attention { splits: None, ..*what }, &mut result);
        return part(&result, what.width, out);
    }
    let side = what.tile.map_or(TILE, |side| side as usize).max(1);
    let read = if what.stored == Stored::F32 { 0 } else { side * what.width };
    let mut running = Running {
        scores: vec![0.0; side * side],
        largest: vec![0.0; side],
        sums: vec![0.0; side],
        keys: vec![0.0; read],
        values: vec![0.0; read],
        side,
    };
    for batch in 0..what.rows() / what.heads / what.length {
        for head in 0..what.heads {
            for first in (0..what.length).step_by(side) {
                running.queries(what, [batch, head], first..what.length.min(first + side), out);
            }
        }
    }
}

impl Running {
    fn queries(&mut self, what: &Attention<'_>, [batch, head]: [usize; 2], queries: Range<usize>, out: &mut [f32]) {
        let (used, width, side) = (what.sight.used(), what.width, self.side);
        let group = head / (what.heads / what.key.place.heads);
        let start = what.start(batch, head, queries.start);
        let q = Rows { data: what.query, start, stride: what.heads * width, count: queries.len() };
        self.largest.fill(MASKED);
        self.sums.fill(0.0);
        queries.clone().for_each(|i| out[what.start(batch, head, i)..][..width].fill(0.0));
        for first in (0..used).step_by(side) {
            let tile = first..used.min(first + side);
            if !what.sight.touches(&queries, &tile) {
                continue;
            }
            let k = rows(&what.key, what, [batch, group], &tile, &mut self.keys);
            let v = rows(&what.value, what, [batch, group], &tile, &mut self.values);
            let scores = &mut self.scores;
            transposed(q, k, width, |i, j, sum| scores[i * side + j] = sum * what.scale);
            for (row, i) in queries.clone().enumerate() {
                let out = &mut out[what.start(batch, head, i)..][..width];
                let shares = &mut scores[row * side..][..tile.len()];
                let so_far = (&mut self.largest[row], &mut self.sums[row]);
                weigh(what, [batch, head, i], &tile, shares, so_far, out);
                add_values(v, shares, out);
            }
        }
        for (row, i) in queries.enumerate() {
            let sum = self.sums[row];
            let inverse = if sum > 0.0 { 1.0 / sum } else { 0.0 };
            out[what.start(batch, head, i)..][..width].iter_mut().for_each(|out| *out *= inverse);
        }
    }
}

/// A tile's rows of keys or values, read into `floats` if they are not stored as floats.
fn rows<'a>(
    memory: &Memory<'a>,
    what: &Attention<'_>,
    [batch, group]: [usize; 2],
    tile: &Range<usize>,
    floats: &'a mut [f32],
) -> Rows<'a> {
    let (start, stride) = (memory.place.start(batch, group, tile.start), memory.place.strides[2]);
    if what.stored == Stored::F32 {
        return Rows { data: memory.data, start, stride, count: tile.len() };
    }
    for (row, floats) in floats.chunks_exact_mut(what.width).take(tile.len()).enumerate() {
        let words = &memory.data[start + row * stride..][..what.stored.words(what.width)];
        memory::read(what.stored, bytemuck::cast_slice(words), floats);
    }
    Rows { data: floats, start: 0, stride: what.width, count: tile.len() }
}

/// Adds the bias to a query's scores of a tile, and takes out what it does not see.
fn judge(what: &Attention<'_>, [batch, head, i]: [usize; 3], tile: &Range<usize>, scores: &mut [f32]) {
    // No share of any row, not even of one in which everything is masked.
    const UNSEEN: f32 = f32::NEG_INFINITY;
    let Some(end) = what.sight.end(i) else {
        for (row, score) in tile.clone().zip(scores) {
            *score = match what.token(batch, head, row) {
                Some(j) if what.sight.sees(i, j) => what.score([batch, head, i, j], *score),
                _ => UNSEEN,
            };
        }
        return;
    };
    let (seen, unseen) = scores.split_at_mut(end.saturating_sub(tile.start).min(tile.len()));
    unseen.fill(UNSEEN);
    match (&what.bias, what.mask) {
        (Added::Nothing, None) => {}
        (Added::Nothing, Some((mask, columns))) => {
            for (score, &mask) in seen.iter_mut().zip(&mask[batch * columns + tile.start..]) {
                *score = if mask == 0 { MASKED } else { *score };
            }
        }
        _ => {
            for (j, score) in tile.clone().zip(seen) {
                *score = what.score([batch, head, i, j], *score);
            }
        }
    }
}

/// Turns one query's scores of a tile into shares, relative to the largest score so far.
fn weigh(
    what: &Attention<'_>,
    [batch, head, i]: [usize; 3],
    tile: &Range<usize>,
    scores: &mut [f32],
    (most, sums): (&mut f32, &mut f32),
    out: &mut [f32],
) {
    judge(what, [batch, head, i], tile, scores);
    let largest = scores.iter().fold(*most, |largest, &score| largest.max(score));
    let kept = (*most - largest).exp();
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    if kept < 1.0 {
        out.iter_mut().for_each(|out| *out *= kept);
    }
    *sums = *sums * kept + sum;
    *most = largest;
}

/// Adds values to `out`, weighed, four at a time.
fn add_values(values: Rows<'_>, shares: &[f32], out: &mut [f32]) {
    let width = out.len();
    let value = |j: usize| &values.data[values.start + j * values.stride..][..width];
    let (fours, rest) = shares.as_chunks::<4>();
    for (index, share) in fours.iter().enumerate() {
        // Keys that nobody sees may hold anything.
        if *share != [0.0; 4] {
            let [a, b, c, d] = [0, 1, 2, 3].map(|offset| value(4 * index + offset));
            for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *out += (share[0] * a + share[1] * b) + (share[2] * c + share[3] * d);
            }
        }
    }
    for (index, &share) in rest.iter().enumerate() {
        if share != 0.0 {
            out.iter_mut().zip(value(4 * fours.len() + index)).for_each(|(out, value)| *out += share * value);
        }
    }
}

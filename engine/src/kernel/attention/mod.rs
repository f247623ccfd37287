//! Attention with the full matrix of scores, in three steps: scaled dot products, masked softmax over
//! them, and the sum of values they weigh. Head h of a tensor `[B, S, H]` is its columns from h · H / heads on.

pub mod cpu;
pub mod reference;

/// What a masked score becomes: far below any score, but finite, because some GPUs make NaN of infinities.
/// A row in which everything is masked becomes uniform, as in the models' reference implementation.
pub const MASKED: f32 = -3.4e38;

//! What the passes of a generation read.

use crate::{
    error::{Error, Result},
    model::Prompt,
    protocol::{Decode, Sampling, Tensor, Tensors},
};

/// The input that ids enter by.
pub const INPUT_IDS: &str = "input_ids";
/// The input of the numbers that ids are drawn by.
pub const DRAWS: &str = "draws";

/// What the pass over the prompt reads.
pub fn first(prompt: &Prompt, capacity: usize) -> Result<Tensors> {
    let [batch, length] = [prompt.ids.shape[0], prompt.ids.shape[1]];
    let mask = prompt.mask.as_i32().unwrap_or_default();
    let (mut positions, mut last, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for row in mask.chunks(length) {
        let mut position = 0;
        positions.extend(row.iter().map(|&mask| {
            position += i32::from(mask != 0);
            (position - 1).max(0)
        }));
        let end = (0..).zip(row).filter(|(_, mask)| **mask != 0).map(|(index, _)| index).last();
        last.push(end.ok_or_else(|| Error::model("nothing but padding in a sequence").of("attention_mask"))?);
        kept.extend(row.iter().copied().chain(std::iter::repeat_n(1, capacity - length)));
    }
    let mut inputs = prompt.every.clone();
    inputs.extend(prompt.first.clone());
    let named = [
        (INPUT_IDS, prompt.ids.clone()),
        ("position_ids", Tensor::i32(&[batch, length], positions)),
        ("attention_mask", Tensor::i32(&[batch, capacity], kept)),
        ("past", Tensor::i32(&[1], vec![0])),
        ("last", Tensor::i32(&[batch], last)),
    ];
    inputs.extend(named.map(|(name, tensor)| (name.to_owned(), tensor)));
    Ok(inputs)
}

/// The ids that every sequence is forced to have at a step.
pub fn forced(decode: &Decode, step: usize) -> Option<Vec<i32>> {
    let ids = decode.forced.iter().map(|row| row.get(step).copied());
    ids.collect::<Option<Vec<_>>>().filter(|ids| !ids.is_empty())
}

/// What the pass behind step `step` reads, which chose `ids`, unless those are where they are needed. `first` is what the
/// first pass read.
pub fn next(prompt: &Prompt, first: &Tensors, ids: Option<&[i32]>, step: usize) -> Tensors {
    let [batch, length] = [prompt.ids.shape[0], prompt.ids.shape[1]];
    let offset = i32::try_from(step).unwrap_or(i32::MAX);
    let past = i32::try_from(length).unwrap_or(i32::MAX).saturating_add(offset);
    let counted = |mask: &[i32]| mask.iter().map(|&mask| i32::from(mask != 0)).sum::<i32>().saturating_add(offset);
    let positions = prompt.mask.as_i32().unwrap_or_default().chunks(length).map(counted).collect();
    let mut inputs = prompt.every.clone();
    inputs.extend(first.get_key_value("attention_mask").map(|(name, mask)| (name.clone(), mask.clone())));
    let named = [
        ("position_ids", Tensor::i32(&[batch, 1], positions)),
        ("past", Tensor::i32(&[1], vec![past])),
        ("last", Tensor::i32(&[batch], vec![0; batch])),
    ];
    let ids = ids.map(|ids| (INPUT_IDS, Tensor::i32(&[batch, 1], ids.to_vec())));
    inputs.extend(named.into_iter().chain(ids).map(|(name, tensor)| (name.to_owned(), tensor)));
    inputs
}

/// The numbers ids are drawn by: they depend on seed, step and row only.
pub fn draws(sampling: Sampling, step: usize, batch: usize) -> Option<(String, Tensor)> {
    let Sampling::Random { seed, .. } = sampling else { return None };
    let draw = |row: usize| {
        let mut bits = seed ^ (step as u64).rotate_left(32) ^ row as u64;
        // SplitMix64 (Steele et al. 2014)
        for _ in 0..2 {
            bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^= bits >> 31;
        }
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
        let draw = (bits >> 40) as f32 / 16_777_216.0;
        draw
    };
    Some((DRAWS.to_owned(), Tensor::f32(&[batch], (0..batch).map(draw).collect())))
}

//! One row of keys or values: turned, and in its storage format. In formats of 8 and 4 bits a step is a 255th or a
//! 15th of the distance from the least value to the largest.

use half::f16;

use super::turned_factor;
use crate::graph::{Stored, turned_together};

/// A head's values times a Hadamard matrix that keeps lengths, so that no channel stands out.
pub fn turn(row: &mut [f32]) {
    let (side, factor) = (turned_together(row.len()), turned_factor(row.len()));
    for block in row.chunks_exact_mut(side) {
        let mut half = 1;
        while half < side {
            for pair in block.chunks_exact_mut(2 * half) {
                let (a, b) = pair.split_at_mut(half);
                for (a, b) in a.iter_mut().zip(b) {
                    (*a, *b) = (*a + *b, *a - *b);
                }
            }
            half *= 2;
        }
        block.iter_mut().for_each(|value| *value *= factor);
    }
}

/// The nearest 16-bit float that is a number.
fn half(value: f32) -> f16 {
    f16::from_f32(value.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()))
}

/// Writes a row of values as words.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "in bounds")]
pub fn write(stored: Stored, row: &[f32], words: &mut [u32]) {
    let bits = match stored {
        Stored::F32 => return words.copy_from_slice(bytemuck::cast_slice(row)),
        Stored::F16 => {
            for (word, values) in words.iter_mut().zip(row.chunks(2)) {
                *word = values.iter().rev().fold(0, |word, &value| word << 16 | u32::from(half(value).to_bits()));
            }
            return;
        }
        Stored::Bits8 | Stored::Bits4 => stored.bits() as usize,
    };
    let steps = (1_u32 << bits) - 1;
    let least = row.iter().copied().fold(f32::MAX, f32::min);
    let most = row.iter().copied().fold(f32::MIN, f32::max);
    // What is read back counts, so steps are counted by the halves that are kept.
    let least = f16::from_f32(least);
    let step = f16::from_f32((most - least.to_f32()) / steps as f32);
    words[0] = u32::from(step.to_bits()) | u32::from(least.to_bits()) << 16;
    let inverse = if step.to_f32() > 0.0 { 1.0 / step.to_f32() } else { 0.0 };
    let in_word = 32 / bits;
    for (word, values) in words[1..].iter_mut().zip(row.chunks(in_word)) {
        *word = values.iter().enumerate().fold(0, |word, (index, value)| {
            let count = ((value - least.to_f32()) * inverse).round_ties_even().clamp(0.0, steps as f32);
            word | (count as u32) << (index * bits)
        });
    }
}

/// Reads a row of values from words.
#[expect(clippy::cast_precision_loss, reason = "at most 255")]
pub fn read(stored: Stored, words: &[u32], row: &mut [f32]) {
    let halves = |word: u32| [word, word >> 16].map(|half| f16::from_bits((half & 0xffff) as u16).to_f32());
    let bits = match stored {
        Stored::F32 => return row.copy_from_slice(bytemuck::cast_slice(words)),
        Stored::F16 => {
            for (&word, values) in words.iter().zip(row.chunks_mut(2)) {
                values.iter_mut().zip(halves(word)).for_each(|(value, half)| *value = half);
            }
            return;
        }
        Stored::Bits8 | Stored::Bits4 => stored.bits() as usize,
    };
    let steps = (1_u32 << bits) - 1;
    let [step, least] = halves(words[0]);
    for (word, values) in words[1..].iter().zip(row.chunks_mut(32 / bits)) {
        for (index, value) in values.iter_mut().enumerate() {
            *value = least + step * (word >> (index * bits) & steps) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_within_half_a_step() {
        for width in [1, 3, 8, 12, 64, 80, 129, 256] {
            let row: Vec<f32> = (0..width).map(|c| ((c * 37 % 101) as f32 * 0.31).sin() * 3.0 + 0.4).collect();
            let spread = 6.0;
            for (stored, steps) in [(Stored::F16, f32::MAX), (Stored::Bits8, 255.0), (Stored::Bits4, 15.0)] {
                let mut words = vec![0; stored.words(width)];
                write(stored, &row, &mut words);
                let mut back = vec![0.0; width];
                read(stored, &words, &mut back);
                let worst = row.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                // Half a step, and what halves lose.
                assert!(worst <= 0.5 * spread / steps + 4e-3, "{width} {stored:?}: {worst}");
            }
        }
    }

    #[test]
    fn turning_twice_changes_nothing_and_dot_products_stay() {
        for width in [1, 5, 12, 64, 80, 256] {
            let a: Vec<f32> = (0..width).map(|c| (c as f32 * 1.3).sin()).collect();
            let b: Vec<f32> = (0..width).map(|c| (c as f32 * 0.7).cos()).collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let (mut c, mut d) = (a.clone(), b.clone());
            turn(&mut c);
            turn(&mut d);
            assert!((dot(&a, &b) - dot(&c, &d)).abs() < 1e-4, "{width}");
            turn(&mut c);
            assert!(a.iter().zip(&c).all(|(a, c)| (a - c).abs() < 1e-5), "{width}");
        }
    }
}

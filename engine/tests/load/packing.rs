//! Packs weights as GPTQ and AWQ checkpoints hold them. Written from the formats' definitions, a code at a time, and
//! knowing nothing of the engine.

use half::f16;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use super::copy::{Raw, floats};

/// Which nibble of an AWQ word holds which of eight outputs.
const AWQ_NIBBLE_OF: [usize; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

/// How a checkpoint is quantized.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub method: &'static str,
    pub format: &'static str,
    pub bits: u32,
    /// −1 for one group a row.
    pub group: i64,
    pub symmetric: bool,
    /// Whether inputs are quantized in another order than they lie in, for every matrix in its own.
    pub reordered: bool,
}

impl Recipe {
    pub const fn gptq(bits: u32, group: i64, symmetric: bool) -> Self {
        Self { method: "gptq", format: "gptq", bits, group, symmetric, reordered: false }
    }

    pub const fn awq(group: i64) -> Self {
        Self { method: "awq", format: "gemm", bits: 4, group, symmetric: false, reordered: false }
    }

    pub const fn reordered(self) -> Self {
        Self { reordered: true, ..self }
    }

    pub fn config(self) -> Value {
        match self.method {
            "awq" => json!({
                "quant_method": "awq", "bits": self.bits, "group_size": self.group, "version": "gemm",
                "zero_point": true, "modules_to_not_convert": null,
            }),
            _ => json!({
                "quant_method": "gptq", "bits": self.bits, "group_size": self.group, "desc_act": self.reordered,
                "sym": self.symmetric, "checkpoint_format": self.format,
            }),
        }
    }

    /// Replaces `name` `[outputs, inputs]` in `weights` by its packed parts; gives what these stand for.
    pub fn pack(self, weights: &mut Raw, name: &str) -> Vec<f32> {
        let (dtype, shape, bytes) = weights.remove(name).expect("there");
        let (Dtype::F32, &[outputs, inputs]) = (dtype, shape.as_slice()) else { panic!("{name}: {dtype:?} {shape:?}") };
        let group = usize::try_from(self.group).unwrap_or(inputs);
        let groups = inputs.div_ceil(group);
        let (bits, most) = (self.bits as usize, (1_u32 << self.bits) - 1);
        let values = floats(&bytes);
        // Which place an input had when it was quantized.
        let turn = name.bytes().map(usize::from).sum::<usize>();
        let place = |input: usize| if self.reordered { (input * 37 + turn) % inputs } else { input };
        let group_of: Vec<usize> = (0..inputs).map(|input| place(input) / group).collect();
        let mut codes = vec![vec![0_u32; inputs]; outputs];
        let mut zeros = vec![vec![0_u32; groups]; outputs];
        let mut scales = vec![vec![f16::ZERO; groups]; outputs];
        let mut meant = vec![0.0_f32; outputs * inputs];
        for output in 0..outputs {
            for index in 0..groups {
                let columns: Vec<usize> = (0..inputs).filter(|&input| group_of[input] == index).collect();
                let weights = columns.iter().map(|&column| values[output * inputs + column]);
                let low = weights.clone().fold(0.0_f32, f32::min);
                let high = weights.fold(0.0_f32, f32::max);
                let (scale, zero) = if self.symmetric {
                    let scale = f16::from_f32(2.0 * high.max(-low) / most as f32);
                    (scale, most.div_ceil(2))
                } else {
                    let scale = f16::from_f32((high - low) / most as f32);
                    (scale, (-low / scale.to_f32()).round().clamp(0.0, most as f32) as u32)
                };
                (scales[output][index], zeros[output][index]) = (scale, zero);
                for column in columns {
                    let weight = values[output * inputs + column];
                    let code = (weight / scale.to_f32() + zero as f32).round().clamp(0.0, most as f32);
                    codes[output][column] = code as u32;
                    meant[output * inputs + column] = (code - zero as f32) * scale.to_f32();
                }
            }
        }
        let per_word = 32 / bits;
        let is_awq = self.method == "awq";
        // Where among its neighbours an output lies.
        let place = |output: usize| if is_awq { AWQ_NIBBLE_OF[output % 8] } else { output % per_word };
        let mut qweight = vec![0_u32; inputs * outputs / per_word];
        for output in 0..outputs {
            for input in 0..inputs {
                let code = codes[output][input];
                if is_awq {
                    qweight[input * (outputs / 8) + output / 8] |= code << (4 * place(output));
                } else {
                    qweight[input / per_word * outputs + output] |= code << (bits * (input % per_word));
                }
            }
        }
        let mut qzeros = vec![0_u32; groups * outputs / per_word];
        for output in 0..outputs {
            for index in 0..groups {
                // The first version of the format stores one less.
                let stored = if self.format == "gptq" {
                    zeros[output][index].wrapping_sub(1) & most
                } else {
                    zeros[output][index]
                };
                qzeros[index * (outputs / per_word) + output / per_word] |= stored << (bits * place(output));
            }
        }
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let path = name.strip_suffix("weight").expect("a weight");
        let shape = if is_awq { vec![inputs, outputs / per_word] } else { vec![inputs / per_word, outputs] };
        weights.insert(format!("{path}qweight"), (Dtype::I32, shape, words(&qweight)));
        weights.insert(format!("{path}qzeros"), (Dtype::I32, vec![groups, outputs / per_word], words(&qzeros)));
        let by_groups = (0..groups).flat_map(|index| scales.iter().map(move |row| row[index]));
        let bytes = by_groups.flat_map(f16::to_le_bytes).collect();
        weights.insert(format!("{path}scales"), (Dtype::F16, vec![groups, outputs], bytes));
        if !is_awq {
            let of: Vec<u32> = group_of.iter().map(|&group| group as u32).collect();
            weights.insert(format!("{path}g_idx"), (Dtype::I32, vec![inputs], words(&of)));
        }
        meant
    }
}

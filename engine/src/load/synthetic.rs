//! Seeded weights for published shapes: enough to time a model and to compare an optimization with the
//! engine without it, when the real weights are not there. Outputs mean nothing.
//!
//! A value depends on the seed, the tensor's name and the element's index only, and is made of 32-bit
//! integer arithmetic and one multiplication. Any order, any device and any shader gives the same bits.

/// A seed for every tensor of a model.
pub struct Synthetic {
    seed: u64,
}

/// The distribution of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Every value the same.
    Constant(f32),
    /// Bell-shaped around zero with this standard deviation: the sum of four uniform numbers.
    Bell(f32),
}

/// Bell-shaped values of one tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seeded {
    /// Hash of the seed and the name.
    pub key: u32,
    /// Factor of the integer that is drawn.
    pub scale: f32,
}

impl Synthetic {
    /// A model's worth of values.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// What decides the values of tensor `name` when they are bell-shaped.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the seed enter separately")]
    pub fn bell(&self, name: &str, deviation: f32) -> Seeded {
        let key = name.bytes().fold(mix(self.seed as u32) ^ mix(!(self.seed >> 32) as u32), |h, b| {
            mix(h ^ u32::from(b)).wrapping_add(0x9e37_79b9)
        });
        // Standard deviation of the sum of four uniform 16-bit integers.
        Seeded { key, scale: deviation / (65536.0 * (4.0_f32 / 12.0).sqrt()) }
    }

    /// Fills `out` with the elements of tensor `name` from index `first` on.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the index enter separately")]
    pub fn fill(&self, name: &str, distribution: Distribution, first: u64, out: &mut [f32]) {
        let Seeded { key, scale } = match distribution {
            Distribution::Constant(value) => return out.fill(value),
            Distribution::Bell(deviation) => self.bell(name, deviation),
        };
        for (index, value) in (first..).zip(out) {
            let word = mix(index as u32 ^ mix(key ^ (index >> 32) as u32));
            let other = mix(word ^ 0x85eb_ca6b);
            let sum = (word & 0xffff) + (word >> 16) + (other & 0xffff) + (other >> 16);
            *value = (sum.cast_signed() - 131_070) as f32 * scale;
        }
    }
}

/// A bijection of 32 bits in which every input bit moves every output bit (the finaliser of MurmurHash3).
fn mix(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_depend_on_name_and_index_only_and_have_the_asked_deviation() {
        let model = Synthetic::new(7);
        let mut whole = vec![0.0; 100_000];
        model.fill("a.weight", Distribution::Bell(0.02), 0, &mut whole);
        let mut part = vec![0.0; 100];
        model.fill("a.weight", Distribution::Bell(0.02), 5000, &mut part);
        assert_eq!(part, whole[5000..5100]);
        model.fill("b.weight", Distribution::Bell(0.02), 5000, &mut part);
        assert_ne!(part, whole[5000..5100]);
        let mean = whole.iter().sum::<f32>() / 1e5;
        let deviation = (whole.iter().map(|v| v * v).sum::<f32>() / 1e5).sqrt();
        assert!(mean.abs() < 3e-4 && (deviation - 0.02).abs() < 3e-4, "{mean} {deviation}");
    }
}

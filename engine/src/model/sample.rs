//! Inputs made up from a seed, where there are no real ones.

use crate::{
    load::{Synthetic, synthetic::Distribution},
    protocol::{InputInfo, InputKind, Tensor},
};

impl InputInfo {
    /// An input of the usual shape: noise, ids all over the vocabulary, no padding.
    #[must_use]
    pub fn sample(&self, seed: u64) -> Tensor {
        let mut values = vec![0.0; self.shape.iter().product()];
        Synthetic::new(seed).fill(&self.name, Distribution::Bell(1.0), 0, &mut values);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
        let id = |value: &f32| ((value.abs() * 1e6) as u32 % self.bound.max(1)).cast_signed();
        match self.kind {
            InputKind::Pixels | InputKind::Features | InputKind::Samples => Tensor::f32(&self.shape, values),
            InputKind::Ids => Tensor::i32(&self.shape, values.iter().map(id).collect()),
            InputKind::Mask => Tensor::i32(&self.shape, vec![1; values.len()]),
        }
    }
}

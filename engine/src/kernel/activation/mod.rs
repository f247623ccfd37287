//! Activations, applied where a linear layer writes its result.

use crate::graph::Activation;

/// In place, in 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn reference(activation: Activation, values: &mut [f32]) {
    for value in values {
        let x = f64::from(*value);
        *value = match activation {
            Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Activation::GeluTanh => {
                0.5 * x * (1.0 + (std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
            }
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Activation::Relu => x.max(0.0),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Tanh => x.tanh(),
        } as f32;
    }
}

/// The error function by the series 2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)), whose terms are all positive.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// In place, in 32 bits; GELU and ReLU have no branch and no call in their loop.
pub fn cpu(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => {
            const SQRT_1_2: f32 = std::f32::consts::FRAC_1_SQRT_2;
            values.iter_mut().for_each(|x| *x *= 0.5 + 0.5 * erf_f32(*x * SQRT_1_2));
        }
        Activation::GeluTanh => {
            const SQRT_2_OVER_PI: f32 = 0.797_884_6;
            values.iter_mut().for_each(|x| *x *= 0.5 + 0.5 * (SQRT_2_OVER_PI * (*x + 0.044_715 * *x * *x * *x)).tanh());
        }
        Activation::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
        Activation::QuickGelu => values.iter_mut().for_each(|x| *x /= 1.0 + (-1.702 * *x).exp()),
        Activation::Sigmoid => values.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
        Activation::Silu => values.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp()),
        Activation::Tanh => values.iter_mut().for_each(|x| *x = x.tanh()),
    }
}

/// The error function as a quotient of polynomials in x², within 3e-7; ±1 from |x| = 4 on.
#[inline(always)]
fn erf_f32(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let mut p = -2.726_142_3e-10_f32;
    for c in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2] {
        p = p * s + c;
    }
    let mut q = -1.456_607_2e-5_f32;
    for c in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
        q = q * s + c;
    }
    x * p / q
}

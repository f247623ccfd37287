//! The decimal logarithm of many numbers at once.
//!
//! A library's `log10` is one call per number, which in WebAssembly costs more than the transform.
//! This one is straight-line arithmetic that compilers turn into SIMD.

/// The smallest power that is told apart from silence.
pub const FLOOR: f32 = 1e-10;

/// Replaces each value by log10(max(value, [`FLOOR`])). The values are finite.
pub fn floored(values: &mut [f32]) {
    for value in values {
        *value = log10(value.max(FLOOR));
    }
}

/// The largest of finite values.
#[must_use]
pub fn largest(values: &[f32]) -> f32 {
    let mut largest = [f32::NEG_INFINITY; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for (largest, &value) in largest.iter_mut().zip(block) {
            // Without f32::max's care for NaN this is one instruction for many.
            *largest = if value > *largest { value } else { *largest };
        }
    }
    largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// log10 of a positive normal number, within 2 units in the last place of the larger of the result and 1.
///
/// x = 2^e m with m in [√½, √2), and ln m = 2 artanh(s) with s = (m − 1) / (m + 1), |s| < 0.172, whose series
/// 2s (1 + s²/3 + s⁴/5 + s⁶/7 + s⁸/9) is exact to f32 after five terms.
#[inline]
#[expect(clippy::cast_possible_wrap, clippy::cast_precision_loss, reason = "bits of a float; exponents are small")]
fn log10(x: f32) -> f32 {
    const LOG10_2: f32 = std::f32::consts::LOG10_2;
    const LOG10_E: f32 = std::f32::consts::LOG10_E;
    /// Bits of √½: subtracting them moves the carry between mantissa and exponent there.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = (shifted as i32 >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff) + SQRT_HALF);
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 2.0 + q * (2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0))));
    exponent * LOG10_2 + s * series * LOG10_E
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logarithm() {
        let mut worst = 0.0_f64;
        for step in 0..400_000_u32 {
            let x = f32::from_bits(1e-10_f32.to_bits() + step * 1607);
            let exact = f64::from(x).log10();
            worst = worst.max((f64::from(log10(x)) - exact).abs() / exact.abs().max(1.0));
        }
        assert!(worst < 2.4e-7, "{worst:e}");
        for exact in [1.0, 10.0, 100.0, 1e-10] {
            assert!((f64::from(log10(exact)) - f64::from(exact).log10()).abs() < 1e-6, "{exact}");
        }
    }

    #[test]
    fn silence_is_the_floor() {
        let mut values = [0.0, 1e-12, 1.0];
        floored(&mut values);
        assert!((values[0] + 10.0).abs() < 1e-6 && (values[1] + 10.0).abs() < 1e-6 && values[2].abs() < 1e-9);
    }
}

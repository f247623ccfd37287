//! Kernels by themselves: first checked against the plain reference, then timed over sets of weights that no
//! cache holds together.

mod attention;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod stock;
#[cfg(feature = "gpu")]
mod waits;

use crate::{
    device::Device,
    error::{Error, Result},
    protocol::{Bench, BenchAttention, BenchWeights, BenchWork, Integer, Measure, Options},
    weights::format,
};

/// Values of one dimension, and of a matrix, that are accepted.
const MOST: u64 = 1 << 31;

/// Does one piece of work on a device, for about as long as asked.
pub async fn run(device: &Device, work: BenchWork, budget_ms: f64) -> Result<Bench> {
    let size = match work {
        BenchWork::Copy { bytes } => bytes,
        BenchWork::Linear { rows, outputs, inputs, weights, .. } => {
            if let BenchWeights::Integer { bits, group, .. } = weights {
                let options = Integer { group_size: group, ..Integer::bits(bits) };
                format::check(&Options { integer: Some(options), ..Options::default() })?;
            }
            let sizes = [(rows, inputs), (rows, outputs), (outputs, inputs)];
            let largest = sizes.map(|(a, b)| u64::from(a) * u64::from(b)).into_iter().max().unwrap_or(0);
            largest * u64::from(rows.min(outputs).min(inputs).min(1))
        }
        BenchWork::Attention(BenchAttention { queries, keys, heads, kv_heads, width, .. }) => {
            let fits = queries <= keys && kv_heads > 0 && heads.is_multiple_of(kv_heads);
            let size = [keys, heads, width, u32::from(fits && queries > 0)].map(u64::from);
            size.into_iter().fold(1, u64::saturating_mul)
        }
    };
    if size == 0 || size > MOST || !budget_ms.is_finite() || budget_ms <= 0.0 {
        return Err(Error::unsupported("no benchmark of this size").found(format!("{work:?} for {budget_ms} ms")));
    }
    match device {
        Device::Cpu => cpu::run(work, budget_ms).await,
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => gpu::run(gpu, work, budget_ms).await,
    }
}

/// Times how long a device lets wait, for about as long as asked.
pub async fn wait(device: &Device, budget_ms: f64) -> Result<Vec<Measure>> {
    if !budget_ms.is_finite() || budget_ms <= 0.0 {
        return Err(Error::unsupported("no time to wait").found(format!("{budget_ms} ms")));
    }
    match device {
        Device::Cpu => Err(Error::unsupported("nobody waits for a CPU").expected("a GPU")),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => waits::run(gpu, budget_ms).await,
    }
}

/// Error of `got` against `want`: Σ (got − want)² / Σ want².
fn normalised_error(got: &[f32], want: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value).powi(2);
    let error: f64 = got.iter().zip(want).map(|(got, want)| square(got - want)).sum();
    error / want.iter().map(|want| square(*want)).sum::<f64>().max(f64::MIN_POSITIVE)
}

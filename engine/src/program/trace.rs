//! What every dispatch of a recording takes by itself, by the GPU's own clock.

use super::{Timed, gpu::Recording};
use crate::{
    device::{
        Space,
        gpu::{Gpu, Timestamps},
    },
    error::{Error, Result},
};

/// A dispatch is repeated for so long: browsers round the GPU's clock to 0.1 ms.
const WANTED_MS: f64 = 2.0;
const STEP_MS: f64 = 0.1;
/// Repeated so often at most, and from one look to the next so many times as often.
const MOST: f64 = 1024.0;
const GROWTH: f64 = 16.0;
const LOOKS: usize = 4;
/// Dispatches of one submission: a GPU that is silent for seconds is taken for dead.
const TOGETHER: usize = 32;

/// Each dispatch in a pass of its own. What buffers hold afterwards is of no use.
pub(super) async fn trace(recording: &Recording, gpu: &Gpu, space: &Space) -> Result<Vec<Timed>> {
    let Some(clock) = gpu.timestamps(space, TOGETHER as u32)? else {
        return Err(Error::unsupported("this GPU tells no times of its own"));
    };
    let mut timed = Vec::with_capacity(recording.len());
    for first in (0..recording.len()).step_by(TOGETHER) {
        let some = first..recording.len().min(first + TOGETHER);
        let mut repeats = vec![1.0; some.len()];
        let mut ms = look(recording, some.clone(), &repeats, gpu, &clock).await?;
        for _ in 1..LOOKS {
            let more: Vec<f64> = repeats.iter().zip(&ms).map(|(&repeats, &ms)| enough(repeats, ms)).collect();
            if more == repeats {
                break;
            }
            repeats = more;
            ms = look(recording, some.clone(), &repeats, gpu, &clock).await?;
        }
        let each = some.zip(ms.iter().zip(&repeats));
        timed.extend(each.map(|(index, (ms, repeats))| Timed { kernel: recording.kernel(index), ms: ms / repeats }));
    }
    Ok(timed)
}

/// How often something is to be repeated that took so long when it was repeated `repeats` times.
fn enough(repeats: f64, ms: f64) -> f64 {
    (repeats * WANTED_MS / ms.max(STEP_MS)).ceil().clamp(repeats, (repeats * GROWTH).min(MOST))
}

/// Milliseconds of some dispatches, each repeated in a pass of its own.
async fn look(
    recording: &Recording,
    some: std::ops::Range<usize>,
    repeats: &[f64],
    gpu: &Gpu,
    clock: &Timestamps,
) -> Result<Vec<f64>> {
    let passes = u32::try_from(some.len()).unwrap_or(u32::MAX);
    let mut encoder = gpu.encoder();
    for (pass, (index, &repeats)) in (0..passes).zip(some.zip(repeats)) {
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(clock.writes(pass)) };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to MOST")]
        recording.record_one(&mut pass, index, repeats as u32);
    }
    clock.resolve(&mut encoder, passes)?;
    gpu.submit(encoder.finish());
    let mut ms = clock.read_ms(gpu).await?;
    ms.truncate(passes as usize);
    Ok(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_repeated_until_the_clock_can_tell() {
        assert_eq!(enough(1.0, 5.0), 1.0, "long enough");
        assert_eq!(enough(1.0, 0.5), 4.0);
        assert_eq!(enough(1.0, 0.0), 16.0, "step by step");
        assert_eq!(enough(16.0, 0.1), 256.0);
        assert_eq!(enough(900.0, 0.1), 1024.0);
    }
}

//! The GPU forms of what audio front ends do.

use super::{Dispatch, Operand, groups, invocations, row_threads, whole, words};
use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::Sound,
    kernel::{
        log_mel,
        shader::{
            Kernel, ROW_THREADS_SOFTWARE,
            sound::{self, FRAME_THREADS},
        },
    },
};

/// The dispatch that computes `op` into `out`.
pub fn dispatch<'a>(
    op: Sound,
    operands: &[Operand<'a>],
    out: &'a Buffer,
    capability: Capability,
) -> Result<Dispatch<'a>> {
    let buffers = operands.iter().map(Operand::plain).collect::<Result<Vec<_>>>()?;
    let simple =
        |kernel, buffers, params: Vec<u32>, grid| Ok(Dispatch { kernel: Kernel::Sound(kernel), buffers, params, grid });
    match (op, operands, buffers.as_slice()) {
        (Sound::LogMel { hop, frames }, [samples, _, table, edges, _], &[a, b, c, d, e]) => {
            let (clips, bands, length) = (samples.shape[0], edges.shape[0], table.width());
            let factors = log_mel::factors(length).filter(|_| length <= log_mel::LONGEST).ok_or_else(|| {
                Error::unsupported("frames too long for compute shaders")
                    .expected(format!("at most {} samples", log_mel::LONGEST))
                    .found(length.to_string())
            })?;
            let mut params = words(&[clips, samples.width(), length, hop, frames, bands, factors.len(), 0])?;
            params.extend(words(&factors)?);
            params.resize(8 + log_mel::FACTORS, 1);
            let threads = if capability.software { ROW_THREADS_SOFTWARE } else { FRAME_THREADS };
            simple(sound::Sound::LogMel { threads }, whole([a, b, c, d, e, out]), params, groups(clips * frames)?)
        }
        (Sound::Survey { parts }, [x, _], &[a, b]) => {
            let threads = row_threads(capability);
            let params = words(&[x.shape[0], x.width(), parts])?;
            simple(sound::Sound::Survey { threads }, whole([a, b, out]), params, groups(x.shape[0] * parts)?)
        }
        (Sound::Total, [x], &[a]) => {
            let rows = x.shape[0];
            simple(sound::Sound::Total, whole([a, out]), words(&[rows, x.shape[1]])?, invocations(rows)?)
        }
        (Sound::Decades { range }, [x, _], &[a, b]) => {
            let length = x.shape.iter().product();
            let mut params = words(&[length, x.shape[1], x.width()])?;
            params.push(range.to_bits());
            simple(sound::Sound::Decades, whole([a, b, out]), params, invocations(length)?)
        }
        (Sound::Standardise { epsilon, padding }, [x, _, _], &[a, b, c]) => {
            let length = x.shape.iter().product();
            let mut params = words(&[length, x.width()])?;
            params.extend([epsilon.to_bits(), padding.to_bits()]);
            simple(sound::Sound::Standardise, whole([a, b, c, out]), params, invocations(length)?)
        }
        (Sound::Blend, [x, _, shares], &[a, b, c]) => {
            let length = shares.shape.iter().product::<usize>() * x.width();
            let params = words(&[length, x.shape[1], shares.width(), x.width()])?;
            simple(sound::Sound::Blend, whole([a, b, c, out]), params, invocations(length)?)
        }
        _ => Err(Error::internal(format!("{op:?} with {} operands", operands.len()))),
    }
}

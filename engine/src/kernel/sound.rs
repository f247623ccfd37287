//! The plain forms of what audio front ends do. On the CPU a front end is [`crate::audio`], which has fast ones.

use super::{
    Operand, blend,
    log_mel::{self, Cut},
    statistics,
};
use crate::{error::Result, graph::Sound};

/// Computes `op` into `out` and says whether it takes these operands.
pub fn run(op: Sound, operands: &[Operand<'_>], out: &mut [f32]) -> Result<bool> {
    match (op, operands) {
        (Sound::LogMel { hop, frames }, [samples, lengths, table, edges, weights]) => {
            let cut = Cut { lengths: lengths.i32()?, stride: samples.width(), hop, frames };
            log_mel::reference(samples.f32()?, cut, table.f32()?, edges.i32()?, weights.f32()?, out);
        }
        (Sound::Survey { parts }, [x, lengths]) => statistics::survey(x.f32()?, lengths.i32()?, parts, out),
        (Sound::Total, [survey]) => statistics::total(survey.f32()?, survey.shape[1], out),
        (Sound::Decades { range }, [x, total]) => {
            statistics::decades(x.f32()?, total.f32()?, [x.shape[1], x.shape[2]], range, out);
        }
        (Sound::Standardise { epsilon, padding }, [x, lengths, total]) => {
            statistics::standardise(x.f32()?, lengths.i32()?, total.f32()?, [epsilon, padding], out);
        }
        (Sound::Blend, [x, rows, shares]) => {
            let [clips, count, width] = [x.shape[0], x.shape[1], x.shape[2]];
            blend::reference(x.f32()?, rows.i32()?, shares.f32()?, [count, width], clips, out);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

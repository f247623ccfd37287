//! What a pass brings to attention over a cache, brought at once: queries are turned, and keys and values appended, by one
//! kernel where three would follow each other.

use crate::{
    device::{Buffer, gpu::Capability},
    kernel::{
        gpu::{Dispatch, Part, invocations},
        shader::Kernel,
    },
};

/// The same dispatches, but three that [`Kernel::Enter`] can stand for as that one.
pub fn with_shared_entry(steps: Vec<Dispatch<'_>>, capability: Capability) -> Vec<Dispatch<'_>> {
    let possible = Kernel::Enter.storage() <= capability.storage_buffers;
    let mut kept: Vec<Dispatch<'_>> = Vec::with_capacity(steps.len());
    for step in steps {
        let joint = match kept.as_slice() {
            [.., turn, keys] if possible => enter([turn, keys, &step]),
            _ => None,
        };
        if joint.is_some() {
            kept.truncate(kept.len() - 2);
        }
        kept.push(joint.unwrap_or(step));
    }
    kept
}

/// The turn of queries, keys appended and values appended as one; `None` for anything else, or if one needs another.
fn enter<'a>(steps: [&Dispatch<'a>; 3]) -> Option<Dispatch<'a>> {
    let kernels = [Kernel::Rotary, Kernel::Append { turned: true }, Kernel::Append { turned: false }];
    if steps.map(|step| step.kernel) != kernels {
        return None;
    }
    let [turn, keys, values] = steps.map(|step| step.buffers.iter().map(|part| part.buffer).collect::<Vec<_>>());
    let [query, positions, cosines, sines, out] = *turn else { return None };
    let [key, past, key_positions, key_cosines, key_sines, key_cache] = *keys else { return None };
    let [value, value_past, value_cache] = *values else { return None };
    let read = [query, key, value, past, positions, cosines, sines];
    let written = [out, key_cache, value_cache];
    let is = |a: &Buffer, b: &Buffer| std::ptr::eq(a, b);
    let apart = (0..3).all(|i| !read.iter().chain(&written[..i]).any(|other| is(other, written[i])));
    let alike = [(past, value_past), (positions, key_positions), (cosines, key_cosines), (sines, key_sines)];

    let [count, width, head, half] = *steps[0].params else { return None };
    let [length, heads, key_head, rows, key_count, key_half] = *steps[1].params else { return None };
    let of_one_kind = [head, half] == [key_head, key_half] && steps[1].params[..5] == steps[2].params[..5];
    if !(apart && of_one_kind && alike.into_iter().all(|(a, b)| is(a, b))) {
        return None;
    }
    let values = key_count.checked_mul(2)?.checked_add(count)?;
    Some(Dispatch {
        kernel: Kernel::Enter,
        buffers: read.into_iter().chain(written).map(Part::from).collect(),
        params: vec![count, key_count, length, width, heads, head, rows, half],
        grid: invocations(values as usize).ok()?,
    })
}

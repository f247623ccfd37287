//! What a pass brings to attention over a cache, brought at once: queries are turned, and keys and values appended, by one
//! kernel where two or three would follow each other.

use crate::{
    device::{Buffer, gpu::Capability},
    kernel::{
        gpu::{Dispatch, Part, invocations},
        shader::Kernel,
    },
};

/// The same dispatches, but those that [`Kernel::Enter`] or [`Kernel::AppendBoth`] can stand for as that one.
pub fn with_shared_entry(steps: Vec<Dispatch<'_>>, capability: Capability) -> Vec<Dispatch<'_>> {
    let possible = Kernel::Enter.storage() <= capability.storage_buffers;
    let mut kept: Vec<Dispatch<'_>> = Vec::with_capacity(steps.len());
    for step in steps {
        let (joint, stands_for) = match kept.as_slice() {
            [.., keys] if keys.kernel == (Kernel::Append { turned: false }) => (append_both([keys, &step]), 2),
            [.., turn, keys] if possible => (enter([turn, keys, &step]), 3),
            _ => (None, 1),
        };
        if joint.is_some() {
            kept.truncate(kept.len() + 1 - stands_for);
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
    let [turn, keys, values] = steps.map(buffers);
    let [query, positions, cosines, sines, out] = *turn else { return None };
    let [key, past, key_positions, key_cosines, key_sines, key_cache] = *keys else { return None };
    let [value, value_past, value_cache] = *values else { return None };
    let read = [query, key, value, past, positions, cosines, sines];
    let written = [out, key_cache, value_cache];
    let alike = [(past, value_past), (positions, key_positions), (cosines, key_cosines), (sines, key_sines)];

    let [count, width, head, half] = *steps[0].params else { return None };
    let [length, heads, key_head, rows, key_count, key_half] = *steps[1].params else { return None };
    let of_one_kind = [head, half] == [key_head, key_half] && steps[1].params[..5] == steps[2].params[..5];
    if !(apart(&read, &written) && of_one_kind && alike.into_iter().all(|(a, b)| std::ptr::eq(a, b))) {
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

/// Keys appended and values appended as one; `None` for anything else.
fn append_both<'a>([keys, values]: [&Dispatch<'a>; 2]) -> Option<Dispatch<'a>> {
    let [key, past, key_cache] = *buffers(keys) else { return None };
    let [value, value_past, value_cache] = *buffers(values) else { return None };
    let of_one_kind = keys.kernel == values.kernel && keys.params == values.params && std::ptr::eq(past, value_past);
    let (read, written) = ([key, value, past], [key_cache, value_cache]);
    (of_one_kind && apart(&read, &written)).then(|| Dispatch {
        kernel: Kernel::AppendBoth,
        buffers: read.into_iter().chain(written).map(Part::from).collect(),
        params: keys.params.clone(),
        grid: keys.grid,
    })
}

fn buffers<'a>(step: &Dispatch<'a>) -> Vec<&'a Buffer> {
    step.buffers.iter().map(|part| part.buffer).collect()
}

/// Whether nothing is written that is read or written otherwise.
fn apart(read: &[&Buffer], written: &[&Buffer]) -> bool {
    let others = |i: usize| read.iter().chain(&written[..i]);
    written.iter().enumerate().all(|(i, buffer)| !others(i).any(|other| std::ptr::eq(*other, *buffer)))
}

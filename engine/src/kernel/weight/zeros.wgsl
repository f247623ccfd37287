// Zero points of groups: as many bits as a code, the first in the lowest.

@group(0) @binding(WEIGHT + 2) var<storage, read> zeros: array<u32>;  // [outputs · row_groups · BITS / 32]

fn zero(group: u32) -> f32 {
    let per_word = 32u / BITS;
    let word = zeros[group / per_word];
    let first = group % per_word * BITS;
    if BITS == 4u {
        return f32(extractBits(word, first, 4u));
    }
    return f32(extractBits(bitcast<i32>(word), first, 8u));
}

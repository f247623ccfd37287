// Every group has a zero point.

const ZEROS = true;
@group(0) @binding(6) var<storage, read_write> zeros: array<atomic<u32>>;  // [all rows · row_groups · BITS / 32], zero at first

fn keep_zero(group: u32, zero: i32) {
    let per_word = 32u / BITS;
    let mask = select(0xffu, 0xfu, BITS == 4u);
    atomicOr(&zeros[group / per_word], (u32(zero) & mask) << (group % per_word * BITS));
}

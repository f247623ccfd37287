// The zero point of groups that have none of their own.

fn zero(group: u32) -> f32 {
    return select(0.0, 8.0, BITS == 4u);
}

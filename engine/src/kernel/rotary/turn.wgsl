// A value of a head and its partner in the other half, turned by the angle of their row's position.
// Another snippet says where `positions`, `cosines` and `sines` are bound, and has `half` among its parameters.

// How far the partner of column `column` of a head is in front; below 0 if it is behind, 0 if there is none.
fn partner(column: u32) -> i32 {
    return select(select(-i32(params.half), 0, column >= 2u * params.half), i32(params.half), column < params.half);
}

fn turned(own: f32, other: f32, column: u32, row: u32) -> f32 {
    if column >= 2u * params.half {
        return own;
    }
    let angle = u32(positions[row]) * params.half + column % params.half;
    return own * cosines[angle] + select(other, -other, column < params.half) * sines[angle];
}

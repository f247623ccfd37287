// Scales of groups of integer weights, counted over all rows.

@group(0) @binding(WEIGHT + 1) var<storage, read> scales: array<u32>;  // [outputs · row_groups / 2], two f16 each

fn scale(group: u32) -> f32 {
    return scale_of(scales[group / 2u], group);
}

// The one of a group, of the pair it is in.
fn scale_of(pair: u32, group: u32) -> f32 {
    let both = unpack2x16float(pair);
    return select(both.x, both.y, group % 2u == 1u);
}

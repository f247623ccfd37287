// Scales of groups of integer weights, counted over all rows.

@group(0) @binding(WEIGHT + 1) var<storage, read> scales: array<u32>;  // [outputs · row_groups / 2], two f16 each

fn scale(group: u32) -> f32 {
    let pair = unpack2x16float(scales[group / 2u]);
    return select(pair.x, pair.y, group % 2u == 1u);
}

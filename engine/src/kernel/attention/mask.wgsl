// Padding where the mask is 0.

@group(0) @binding(2) var<storage, read> mask: array<i32>;  // [B, columns]

fn padding(row: u32, column: u32) -> bool {
    return mask[row / params.rows_per_batch * params.columns + column] == 0;
}

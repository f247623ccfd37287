// Rows of any width.

@group(0) @binding(1) var<storage, read_write> out: array<f32>;  // [rows, width]

fn store(row: u32, part: u32, value: vec4<f32>) {
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        out[row * params.width + 4u * part + c] = value[c];
    }
}

// Rows whose width is a multiple of four.

@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;  // [rows, width / 4]

fn store(row: u32, part: u32, value: vec4<f32>) {
    out[row * params.parts + part] = value;
}

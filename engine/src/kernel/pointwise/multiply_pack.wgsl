// out = a · b, to be packed by pack_rows.wgsl too, for the linear layers that read it.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const CODES = 4;
@group(0) @binding(0) var<storage, read> a: array<f32>;          // [rows, inputs]
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [rows, inputs]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, inputs]
@group(0) @binding(3) var<uniform> params: Params;

fn number(row: u32, k: u32) -> f32 {
    return a[row * params.inputs + k] * b[row * params.inputs + k];
}

fn store(row: u32, k: u32, number: f32) {
    out[row * params.inputs + k] = number;
}

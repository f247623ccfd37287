// x, to be packed by pack_rows.wgsl. The snippet behind says where inputs lie.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const CODES = 2;
const ORDER = 4;
@group(0) @binding(0) var<storage, read> x: array<f32>;    // [rows, inputs]
@group(0) @binding(1) var<uniform> params: Params;

fn number(row: u32, k: u32) -> f32 {
    return x[row * params.inputs + place(k)];
}

fn store(row: u32, k: u32, number: f32) {}

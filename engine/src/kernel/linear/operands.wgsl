// A linear layer as a product: x[rows, inputs] · weight[outputs, inputs]ᵀ + addend, then the activation.
// One snippet behind this one reads x, another the weights in their format.

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    // Of a quantized matrix: u32 words in a row, groups in a row, and log2 of the group.
    row_words: u32,
    row_groups: u32,
    group_shift: u32,
    // Of a matrix that is bound in parts: the first output of this part, and the outputs of all.
    first: u32,
    stride: u32,
    // What is added: 0 for nothing, 1 for one row, 2 for as many as x has.
    adds: u32,
    // Workgroups in a line of the grid: cheaper to read here than as the builtin.
    across: u32,
}

@group(0) @binding(1) var<storage, read> addend: array<f32>;     // [stride] or [rows, stride]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, stride]
@group(0) @binding(3) var<uniform> params: Params;

fn extent() -> vec3<u32> {
    return vec3<u32>(params.rows, params.outputs, params.inputs);
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    let column = params.first + n;
    var value = sum;
    if params.adds != 0u {
        value += addend[select(0u, m * params.stride, params.adds == 2u) + column];
    }
    out[m * params.stride + column] = activate(value);
}

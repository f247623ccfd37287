// Two linear layers of one row x[1, inputs] as one product: the rows of the second weight stand below those of the first.
// One snippet behind this one reads x, another the weights.

struct Params {
    rows: u32,
    inputs: u32,
    // Of both together.
    outputs: u32,
    // Of each matrix: u32 words in a row, groups in a row, and log2 of the group.
    row_words: u32,
    row_groups: u32,
    group_shift: u32,
    // Outputs of the first.
    split: u32,
    // Workgroups in a line of the grid.
    across: u32,
}

// The second layer's, as the first one's is ACTIVATION.
override ACTIVATION_SECOND: u32 = 0u;

@group(0) @binding(1) var<storage, read_write> out: array<f32>;     // [1, split]
@group(0) @binding(2) var<storage, read_write> second: array<f32>;  // [1, outputs - split]
@group(0) @binding(3) var<uniform> params: Params;

fn extent() -> vec3<u32> {
    return vec3<u32>(params.rows, params.outputs, params.inputs);
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    if n < params.split {
        out[n] = activate(sum);
    } else {
        second[n - params.split] = activated(sum, ACTIVATION_SECOND);
    }
}

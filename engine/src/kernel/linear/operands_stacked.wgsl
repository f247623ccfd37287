// Up to three linear layers of one row x[1, inputs] as one product: the rows of their weights stand below each other.
// One snippet behind this one reads x, another the weights; two.wgsl or three.wgsl says what the third layer is.

struct Params {
    rows: u32,
    inputs: u32,
    // Of all together.
    outputs: u32,
    // Of each matrix: u32 words in a row, groups in a row, and log2 of the group.
    row_words: u32,
    row_groups: u32,
    group_shift: u32,
    // Where the outputs of the second begin, and those of the third: behind the last where there is none.
    second: u32,
    third: u32,
    // Workgroups in a line of the grid.
    across: u32,
}

// The first layer's is ACTIVATION.
override ACTIVATION_SECOND: u32 = 0u;

@group(0) @binding(1) var<storage, read_write> out: array<f32>;         // [1, second]
@group(0) @binding(2) var<storage, read_write> second_out: array<f32>;  // [1, third - second]
@group(0) @binding(3) var<uniform> params: Params;

fn extent() -> vec3<u32> {
    return vec3<u32>(params.rows, params.outputs, params.inputs);
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    if n < params.second {
        out[n] = activate(sum);
    } else if n < params.third {
        second_out[n - params.second] = activated(sum, ACTIVATION_SECOND);
    } else {
        store_third(n - params.third, sum);
    }
}

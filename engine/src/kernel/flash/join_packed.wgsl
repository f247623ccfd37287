// A row is packed too, for the linear layer that reads the rows of all heads as one: whole blocks of 32.

const CODES = 3;

var<workgroup> made: array<vec4<f32>, COLUMNS>;

fn four(row: u32, k: u32) -> vec4<f32> {
    return made[k % params.width / 4u];
}

fn keep(row: u32, thread: u32, result: vec4<f32>) {
    if thread < COLUMNS {
        made[thread] = result;
    }
    workgroupBarrier();
    if thread < params.parts {
        pack(row / params.heads, row % params.heads * params.parts + thread, params.heads * params.width);
    }
}

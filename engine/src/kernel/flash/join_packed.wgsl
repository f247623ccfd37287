// A row is packed too, for the linear layer that reads the rows of all heads as one: whole blocks of 32, one per thread.

const CODES = 3;

var<workgroup> made: array<vec4<f32>, COLUMNS>;

fn value(row: u32, k: u32) -> f32 {
    let column = k % params.width;
    return made[column / 4u][column % 4u];
}

fn keep(row: u32, thread: u32, result: vec4<f32>) {
    if thread < COLUMNS {
        made[thread] = result;
    }
    workgroupBarrier();
    let blocks = params.width / 32u;
    if thread < blocks {
        pack(row / params.heads, row % params.heads * blocks + thread, params.heads * params.width);
    }
}

// A row is packed too, for the linear layer that reads the rows of all heads as one: whole blocks of 32.

const THREADS = SLICES * COLUMNS;
const CODES = 3;

fn keep(row: u32, thread: u32, result: vec4<f32>) {
    pack(row * params.parts + thread, result, thread < params.parts, thread);
}

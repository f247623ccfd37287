// A row is packed too, for the linear layers that read it: a block of 32 per thread.

const CODES = 4;
var<private> inverse_here: f32 = 0.0;

fn value(row: u32, k: u32) -> f32 {
    return x[row * params.width + k] * inverse_here * scale[k];
}

fn keep(row: u32, inverse: f32, thread: u32) {
    inverse_here = inverse;
    for (var block = thread; block < (params.width + 31u) / 32u; block += THREADS) {
        pack(row, block, params.width);
    }
}

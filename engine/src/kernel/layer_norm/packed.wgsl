// A row is packed too, for the linear layers that read it: a block of 32 per thread.

const CODES = 6;
var<private> mean_here: f32 = 0.0;
var<private> inverse_here: f32 = 0.0;

fn value(row: u32, k: u32) -> f32 {
    return (input_at(row * params.width + k) - mean_here) * inverse_here * scale[k] + shift[k];
}

fn keep(row: u32, mean: f32, inverse: f32, thread: u32) {
    mean_here = mean;
    inverse_here = inverse;
    for (var block = thread; block < (params.width + 31u) / 32u; block += THREADS) {
        pack(row, block, params.width);
    }
}

// A row is packed too, for the linear layers that read it.

const CODES = 4;
var<private> inverse_here: f32 = 0.0;

fn last() -> u32 {
    return params.width - 1u;
}

fn value(row: u32, k: u32) -> f32 {
    return x[row * params.width + k] * inverse_here * scale[k];
}

fn keep(row: u32, inverse: f32, thread: u32) {
    inverse_here = inverse;
    for (var index = thread; index < fours(params.width); index += THREADS) {
        let made = pack(row, index, params.width);
        for (var c = 0u; c < 4u; c++) {
            if 4u * index + c < params.width {
                out[row * params.width + 4u * index + c] = made[c];
            }
        }
    }
}

// A row is packed too, for the linear layers that read it.

const CODES = 6;

fn keep(row: u32, mean: f32, inverse: f32, thread: u32) {
    let all = fours(params.width);
    for (var first = 0u; first < all; first += THREADS) {
        let k = 4u * (first + thread);
        var made = vec4<f32>();
        for (var c = 0u; c < 4u; c++) {
            let i = min(k + c, params.width - 1u);
            let value = (input_at(row * params.width + i) - mean) * inverse * scale[i] + shift[i];
            made[c] = select(0.0, value, k + c < params.width);
        }
        for (var c = 0u; c < 4u; c++) {
            if k + c < params.width {
                out[row * params.width + k + c] = made[c];
            }
        }
        pack(row * all + first + thread, made, first + thread < all, thread);
    }
}

// A row is packed too, for the linear layers that read it.

fn keep(row: u32, thread: u32) {
    let start = row * params.width;
    let all = fours(params.width);
    for (var first = 0u; first < all; first += THREADS) {
        let k = 4u * (first + thread);
        var made = vec4<f32>();
        for (var c = 0u; c < 4u; c++) {
            made[c] = select(0.0, normal(start, min(k + c, params.width - 1u)), k + c < params.width);
        }
        for (var c = 0u; c < 4u; c++) {
            if k + c < params.width {
                out[start + k + c] = made[c];
            }
        }
        pack(row * all + first + thread, made, first + thread < all, thread);
    }
}

// A row is packed too, for the linear layers that read it.

fn store(row: u32, k: u32, number: f32) {
    out[row * params.width + k] = number;
}

fn keep(row: u32, thread: u32) {
    let all = fours(params.width);
    for (var first = 0u; first < all; first += THREADS) {
        pack_four(row, first + thread, params.width, first + thread < all, thread);
    }
}

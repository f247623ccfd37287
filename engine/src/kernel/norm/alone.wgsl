// A row is only stored.

fn keep(row: u32, thread: u32) {
    let start = row * params.width;
    var c = thread;
    for (; c + (TOGETHER - 1u) * THREADS < params.width; c += TOGETHER * THREADS) {
        var made = array<f32, TOGETHER>();
        for (var i = 0u; i < TOGETHER; i++) {
            made[i] = number(row, c + i * THREADS);
        }
        for (var i = 0u; i < TOGETHER; i++) {
            out[start + c + i * THREADS] = made[i];
        }
    }
    for (; c < params.width; c += THREADS) {
        out[start + c] = number(row, c);
    }
}

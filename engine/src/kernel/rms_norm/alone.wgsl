// A row is only stored.

fn keep(row: u32, inverse: f32, thread: u32) {
    let start = row * params.width;
    var c = thread;
    for (; c + (TOGETHER - 1u) * THREADS < params.width; c += TOGETHER * THREADS) {
        var made = array<f32, TOGETHER>();
        for (var i = 0u; i < TOGETHER; i++) {
            let k = c + i * THREADS;
            made[i] = x[start + k] * inverse * scale[k];
        }
        for (var i = 0u; i < TOGETHER; i++) {
            out[start + c + i * THREADS] = made[i];
        }
    }
    for (; c < params.width; c += THREADS) {
        out[start + c] = x[start + c] * inverse * scale[c];
    }
}

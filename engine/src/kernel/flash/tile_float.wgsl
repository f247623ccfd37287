// A tile in 32-bit floats.

alias Four = vec4<f32>;

fn multiply(scores: ptr<function, array<vec4<f32>, 4>>, x: u32, y: u32) {
    for (var p = 0u; p < PARTS; p++) {
        let a = staged[(4u * y) * STRIDE + p];
        let b = staged[(4u * y + 1u) * STRIDE + p];
        let c = staged[(4u * y + 2u) * STRIDE + p];
        let d = staged[(4u * y + 3u) * STRIDE + p];
        for (var j = 0u; j < 4u; j++) {
            let k = staged[(ROWS + x + SIDE * j) * STRIDE + p];
            (*scores)[j] += vec4<f32>(dot(a, k), dot(b, k), dot(c, k), dot(d, k));
        }
    }
}

fn weigh(weighed: ptr<function, array<vec4<f32>, 4u * COLUMNS>>, first: u32, x: u32, y: u32) {
    for (var k = 0u; k < DEEP; k++) {
        let shares = staged[(first + k) * (SIDE + 1u) + y];
        for (var c = 0u; c < COLUMNS; c++) {
            let v = staged_values[k * ACROSS + x + SIDE * c];
            (*weighed)[c] += shares.x * v;
            (*weighed)[COLUMNS + c] += shares.y * v;
            (*weighed)[2u * COLUMNS + c] += shares.z * v;
            (*weighed)[3u * COLUMNS + c] += shares.w * v;
        }
    }
}

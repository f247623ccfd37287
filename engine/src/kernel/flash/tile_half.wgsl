// A tile in 16-bit floats. They are summed as such over what is staged at a time, 32 numbers, and these sums as 32-bit
// floats.

alias Four = vec4<f16>;

fn multiply(scores: ptr<function, array<vec4<f32>, 4>>, x: u32, y: u32) {
    var products = array<Four, 4>();
    for (var p = 0u; p < PARTS; p++) {
        let a = staged[(4u * y) * STRIDE + p];
        let b = staged[(4u * y + 1u) * STRIDE + p];
        let c = staged[(4u * y + 2u) * STRIDE + p];
        let d = staged[(4u * y + 3u) * STRIDE + p];
        for (var j = 0u; j < 4u; j++) {
            let k = staged[(ROWS + x + SIDE * j) * STRIDE + p];
            products[j] += Four(dot(a, k), dot(b, k), dot(c, k), dot(d, k));
        }
    }
    for (var j = 0u; j < 4u; j++) {
        (*scores)[j] += vec4<f32>(products[j]);
    }
}

fn weigh(weighed: ptr<function, array<vec4<f32>, 4u * COLUMNS>>, first: u32, x: u32, y: u32) {
    var more = array<Four, 4u * COLUMNS>();
    for (var k = 0u; k < DEEP; k++) {
        let shares = staged[(first + k) * (SIDE + 1u) + y];
        for (var c = 0u; c < COLUMNS; c++) {
            let v = staged_values[k * ACROSS + x + SIDE * c];
            more[c] += shares.x * v;
            more[COLUMNS + c] += shares.y * v;
            more[2u * COLUMNS + c] += shares.z * v;
            more[3u * COLUMNS + c] += shares.w * v;
        }
    }
    for (var i = 0u; i < 4u * COLUMNS; i++) {
        (*weighed)[i] += vec4<f32>(more[i]);
    }
}

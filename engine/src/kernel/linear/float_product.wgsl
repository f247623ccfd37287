// Products of a unit of weights with floats.

alias Input = array<vec4<f32>, VECTORS>;

fn input(m: u32, u: u32) -> Input {
    var x = Input();
    for (var i = 0u; i < VECTORS; i++) {
        // Past the inner length the last unit has no values.
        let k = (u * VECTORS + i) * 4u;
        if k < params.inputs {
            x[i] = left(0u, m, k);
        }
    }
    return x;
}

fn product(x: Input, w: Weights) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < VECTORS; i++) {
        sum += dot(x[i], w.values[i]);
    }
    return sum * w.scale;
}

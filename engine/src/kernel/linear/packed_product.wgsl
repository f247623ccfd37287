// Products of a block of weights with x as signed bytes, which pack.wgsl made.

const WEIGHT = 5;

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;         // [rows, blocks, 2]
@group(0) @binding(4) var<storage, read> factors: array<vec2<f32>>;  // [rows, blocks]: scale, scale · Σ codes

struct Input { codes: array<vec4<u32>, 2>, factors: vec2<f32> }

fn input(m: u32, u: u32) -> Input {
    let block = m * units() + u;
    return Input(array<vec4<u32>, 2>(x[2u * block], x[2u * block + 1u]), factors[block]);
}

fn bytes(a: vec4<u32>, b: vec4<u32>, sum: i32) -> i32 {
    return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w) + sum;
}

fn product(x: Input, w: Weights) -> f32 {
    let sum = f32(bytes(x.codes[0], w.codes[0], bytes(x.codes[1], w.codes[1], 0)));
    return w.scale * (x.factors.x * sum - w.zero * x.factors.y);
}

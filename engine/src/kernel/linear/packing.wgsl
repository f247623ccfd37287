// Numbers as signed bytes with a scale for every 32 of them. The scale is a float, the largest magnitude becomes
// 127. Eight neighbouring threads make such a block: each looks at all of it, for what neighbours read too is in a
// cache, and keeps four numbers. The body says which numbers, and on which binding the codes go:
//   const CODES
//   fn four(row: u32, k: u32) -> vec4<f32>     numbers k to k + 3 of a row, 0 behind the last

@group(0) @binding(CODES) var<storage, read_write> codes: array<u32>;                  // [rows, blocks, 8], four bytes each
@group(0) @binding(CODES + 1) var<storage, read_write> factors: array<vec2<f32>>;      // [rows, blocks]: scale, scale · Σ codes

// Fours of a row of `width` numbers, whole blocks.
fn fours(width: u32) -> u32 {
    return (width + 31u) / 32u * 8u;
}

// Packs the numbers of four `index` of a row, and returns them.
fn pack(row: u32, index: u32, width: u32) -> vec4<f32> {
    var values = array<vec4<f32>, 8>();
    var largest = vec4<f32>();
    var own = vec4<f32>();
    for (var i = 0u; i < 8u; i++) {
        values[i] = four(row, index / 8u * 32u + 4u * i);
        largest = max(largest, abs(values[i]));
        own = select(own, values[i], i == index % 8u);
    }
    let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
    let scale = most / 127.0;
    let inverse = select(0.0, 127.0 / most, most > 0.0);
    var sum = vec4<i32>();
    for (var i = 0u; i < 8u; i++) {
        sum += vec4<i32>(round(values[i] * inverse));
    }
    let low = vec4<u32>(vec4<i32>(round(own * inverse))) & vec4<u32>(255u);
    let at = row * fours(width) + index;
    codes[at] = low.x | (low.y << 8u) | (low.z << 16u) | (low.w << 24u);
    if index % 8u == 0u {
        factors[at / 8u] = vec2<f32>(scale, scale * f32(sum.x + sum.y + sum.z + sum.w));
    }
    return own;
}

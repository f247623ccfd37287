// Numbers as signed bytes with a scale for every 32 of them. The scale is a float, the largest magnitude becomes
// 127. The body says which numbers, and on which binding the codes go:
//   const CODES
//   fn value(row: u32, k: u32) -> f32

@group(0) @binding(CODES) var<storage, read_write> codes: array<vec4<u32>>;            // [rows, blocks, 2]
@group(0) @binding(CODES + 1) var<storage, read_write> factors: array<vec2<f32>>;      // [rows, blocks]: scale, scale · Σ codes

// Packs block `block` of a row of `width` numbers.
fn pack(row: u32, block: u32, width: u32) {
    var values = array<vec4<f32>, 8>();
    var largest = vec4<f32>();
    for (var i = 0u; i < 8u; i++) {
        let k = block * 32u + 4u * i;
        let last = width - 1u;
        let found = vec4<f32>(
            value(row, min(k, last)),
            value(row, min(k + 1u, last)),
            value(row, min(k + 2u, last)),
            value(row, min(k + 3u, last)),
        );
        values[i] = select(vec4<f32>(), found, vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(width));
        largest = max(largest, abs(values[i]));
    }
    let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
    let scale = most / 127.0;
    let inverse = select(0.0, 127.0 / most, most > 0.0);
    var sum = vec4<i32>();
    var words = array<u32, 8>();
    for (var i = 0u; i < 8u; i++) {
        let bytes = vec4<i32>(round(values[i] * inverse));
        sum += bytes;
        let low = vec4<u32>(bytes) & vec4<u32>(255u);
        words[i] = low.x | (low.y << 8u) | (low.z << 16u) | (low.w << 24u);
    }
    let at = row * ((width + 31u) / 32u) + block;
    codes[2u * at] = vec4<u32>(words[0], words[1], words[2], words[3]);
    codes[2u * at + 1u] = vec4<u32>(words[4], words[5], words[6], words[7]);
    factors[at] = vec2<f32>(scale, scale * f32(sum.x + sum.y + sum.z + sum.w));
}

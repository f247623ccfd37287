// Numbers as signed bytes with a scale for every 32 of them. The scale is a float, the largest magnitude becomes
// 127. Eight neighbouring threads make such a block, from four numbers each. The body says how many threads a workgroup
// has, and on which binding the codes go:
//   THREADS, CODES

@group(0) @binding(CODES) var<storage, read_write> codes: array<u32>;                  // [rows, blocks, 8], four bytes each
@group(0) @binding(CODES + 1) var<storage, read_write> factors: array<vec2<f32>>;      // [rows, blocks]: scale, scale · Σ codes

var<workgroup> block_largest: array<f32, THREADS>;
var<workgroup> block_sum: array<i32, THREADS>;  // Σ

// Fours of a row of `width` numbers, whole blocks.
fn fours(width: u32) -> u32 {
    return (width + 31u) / 32u * 8u;
}

// Packs the numbers of four `at`, if there is one. All threads of a workgroup come here together, with fours of whole blocks;
// numbers behind the end of a row are 0.
fn pack(at: u32, numbers: vec4<f32>, exists: bool, thread: u32) {
    let sizes = abs(numbers);
    block_largest[thread] = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
    workgroupBarrier();
    let first = thread / 8u * 8u;
    var most = 0.0;
    for (var i = 0u; i < 8u; i++) {
        most = max(most, block_largest[first + i]);
    }
    let scale = most / 127.0;
    let inverse = select(0.0, 127.0 / most, most > 0.0);
    let bytes = vec4<i32>(round(numbers * inverse));
    block_sum[thread] = bytes.x + bytes.y + bytes.z + bytes.w;
    workgroupBarrier();
    if !exists {
        return;
    }
    let low = vec4<u32>(bytes) & vec4<u32>(255u);
    codes[at] = low.x | (low.y << 8u) | (low.z << 16u) | (low.w << 24u);
    if thread % 8u == 0u {
        var sum = 0;
        for (var i = 0u; i < 8u; i++) {
            sum += block_sum[first + i];
        }
        factors[at / 8u] = vec2<f32>(scale, scale * f32(sum));
    }
}

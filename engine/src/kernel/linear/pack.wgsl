// x as signed bytes with a scale for every 32 of them, one block per invocation. The scale is a float, the
// largest magnitude becomes 127.

struct Params { rows: u32, inputs: u32, blocks: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;                     // [rows, inputs]
@group(0) @binding(1) var<storage, read_write> codes: array<vec4<u32>>;     // [rows, blocks, 2]
@group(0) @binding(2) var<storage, read_write> factors: array<vec2<f32>>;   // [rows, blocks]: scale, scale · Σ codes
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = id.y * groups.x * 64u + id.x;
    if block >= params.rows * params.blocks {
        return;
    }
    let row = block / params.blocks;
    let first = (block - row * params.blocks) * 32u;
    var values = array<vec4<f32>, 8>();
    var largest = 0.0;
    for (var i = 0u; i < 32u; i++) {
        let k = first + i;
        let value = select(0.0, x[row * params.inputs + min(k, params.inputs - 1u)], k < params.inputs);
        values[i / 4u][i % 4u] = value;
        largest = max(largest, abs(value));
    }
    let scale = largest / 127.0;
    let inverse = select(0.0, 127.0 / largest, largest > 0.0);
    var sum = 0;
    var words = array<u32, 8>();
    for (var i = 0u; i < 8u; i++) {
        let bytes = vec4<i32>(round(values[i] * inverse));
        sum += bytes.x + bytes.y + bytes.z + bytes.w;
        let low = vec4<u32>(bytes) & vec4<u32>(255u);
        words[i] = low.x | (low.y << 8u) | (low.z << 16u) | (low.w << 24u);
    }
    codes[2u * block] = vec4<u32>(words[0], words[1], words[2], words[3]);
    codes[2u * block + 1u] = vec4<u32>(words[4], words[5], words[6], words[7]);
    factors[block] = vec2<f32>(scale, scale * f32(sum));
}

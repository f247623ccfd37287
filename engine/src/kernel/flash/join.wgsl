// Parts of attention as one: weighed again by how far the largest score of each is from the largest of all.

struct Params { rows: u32, parts: u32, width: u32, splits: u32 }

@group(0) @binding(0) var<storage, read> partial: array<vec4<f32>>;    // [splits, rows, parts + 1]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;        // [rows, width]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 64u + id.x;
    if i >= params.rows * params.parts {
        return;
    }
    let row = i / params.parts;
    let part = i % params.parts;
    var largest = -3.4e38;
    var sum = 0.0;
    var value = vec4<f32>();
    for (var split = 0u; split < params.splits; split++) {
        let start = (split * params.rows + row) * (params.parts + 1u);
        let found = partial[start + params.parts];
        let now = max(largest, found.x);
        let before = exp(largest - now);
        let added = exp(found.x - now);
        sum = sum * before + found.y * added;
        value = value * before + partial[start + part] * added;
        largest = now;
    }
    let inverse = select(0.0, 1.0 / sum, sum > 0.0);
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        out[row * params.width + 4u * part + c] = value[c] * inverse;
    }
}

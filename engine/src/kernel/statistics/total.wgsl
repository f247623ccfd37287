// The parts of a survey joined, one row per invocation (Chan, Golub and LeVeque 1979).

struct Params { rows: u32, parts: u32 }

@group(0) @binding(0) var<storage, read> survey: array<vec4<f32>>;     // [rows, parts]
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;  // [rows]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.y * groups.x * 256u + id.x;
    if row >= params.rows {
        return;
    }
    var total = vec4(0.0, 0.0, 0.0, -3.4028234e38);
    for (var i = 0u; i < params.parts; i++) {
        let part = survey[row * params.parts + i];
        let count = total.x + part.x;
        if part.x > 0.0 {
            let distance = part.y - total.y;
            total.y += distance * part.x / count;
            total.z += part.z + distance * distance * total.x * part.x / count;
            total.x = count;
        }
        total.w = max(total.w, part.w);
    }
    out[row] = total;
}

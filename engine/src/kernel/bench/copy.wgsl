// out[i] = x[i], sixteen bytes at a time: what memory gives at most.

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;          // [count]
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;  // [count]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.count; i += groups.x * 256u) {
        out[i] = x[i];
    }
}

// Two tensors joined along an axis, one value per invocation.

struct Params { length: u32, left: u32, right: u32 }

@group(0) @binding(0) var<storage, read> a: array<u32>;          // [lines, left]
@group(0) @binding(1) var<storage, read> b: array<u32>;          // [lines, right]
@group(0) @binding(2) var<storage, read_write> out: array<u32>;  // [lines, left + right]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let line = i / (params.left + params.right);
    let column = i % (params.left + params.right);
    if column < params.left {
        out[i] = a[line * params.left + column];
    } else {
        out[i] = b[line * params.right + column - params.left];
    }
}

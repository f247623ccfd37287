// Every head of every row turned by the angles of the row's position, one value per invocation.

struct Params { length: u32, width: u32, head: u32, half: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [length / width, width]
@group(0) @binding(1) var<storage, read> positions: array<i32>;  // [length / width]
@group(0) @binding(2) var<storage, read> cosines: array<f32>;    // [P, half]
@group(0) @binding(3) var<storage, read> sines: array<f32>;      // [P, half]
@group(0) @binding(4) var<storage, read_write> out: array<f32>;  // [length / width, width]
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let column = i % params.width % params.head;
    out[i] = turned(x[i], x[u32(i32(i) + partner(column))], column, i / params.width);
}

// Values in another order, one per invocation.

// Of every axis: its length in the result, the stride in x, what is added to the index, its length in x.
// Bit a of `wraps`: coordinates of axis a wrap around.
struct Params { length: u32, wraps: u32, axes: array<vec4<u32>, 6> }

@group(0) @binding(0) var<storage, read> x: array<u32>;          // any shape
@group(0) @binding(1) var<storage, read_write> out: array<u32>;  // [length]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    var rest = i;
    var place = 0u;
    var inside = true;
    for (var a = 0u; a < 6u; a++) {
        let axis = params.axes[5u - a];
        // A coordinate in front of the first wraps around to a large number.
        var coordinate = rest % axis.x + axis.z;
        rest /= axis.x;
        if (params.wraps >> (5u - a)) % 2u == 1u {
            coordinate %= axis.w;
        }
        inside = inside && coordinate < axis.w;
        place += coordinate * axis.y;
    }
    if inside {
        out[i] = x[place];
    } else {
        out[i] = 0u;
    }
}

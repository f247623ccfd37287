// out[i] = element `first + i` of a seeded tensor: the same bits as `load/synthetic.rs` gives. Four uniform
// 16-bit numbers are summed; the two halves of the 64-bit index enter separately.

struct Params { key: u32, first_low: u32, first_high: u32, count: u32, scale: f32 }

@group(0) @binding(0) var<storage, read_write> out: array<f32>;  // [count]
@group(0) @binding(1) var<uniform> params: Params;

// The finaliser of MurmurHash3.
fn mix(word: u32) -> u32 {
    var h = word;
    h ^= h >> 16u;
    h *= 0x85ebca6bu;
    h ^= h >> 13u;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16u);
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.count {
        return;
    }
    let low = params.first_low + i;
    let high = params.first_high + u32(low < i);
    let word = mix(low ^ mix(params.key ^ high));
    let other = mix(word ^ 0x85ebca6bu);
    let sum = (word & 0xffffu) + (word >> 16u) + (other & 0xffffu) + (other >> 16u);
    out[i] = f32(i32(sum) - 131070) * params.scale;
}

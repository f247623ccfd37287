// Rows of a pass into a cache, in the cache's storage format: one workgroup per token and head.

struct Params {
    length: u32,
    heads: u32,
    width: u32,
    // Rows of the cache, and words of a row.
    rows: u32,
    words: u32,
    // Tokens in front of the ring, their rows, and the rows of the ring.
    ahead_of_ring: u32,
    fixed: u32,
    ring: u32,
    // Whether the rows are those that `places` names.
    placed: u32,
    // Bits of a value; 32 and 16 are floats.
    bits: u32,
    // Values that are turned together, at least 1.
    turned: u32,
    // Workgroups.
    count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;            // [B, length, heads · width]
@group(0) @binding(1) var<storage, read> past: array<i32>;         // [1]
@group(0) @binding(2) var<storage, read> places: array<i32>;       // [B, heads, fixed]
@group(0) @binding(3) var<storage, read_write> cache: array<u32>;  // [B, heads, rows, words]
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> least: array<f32, THREADS>;
var<workgroup> most: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.y * groups.x + group.x;
    if index >= params.count {
        return;
    }
    let steps = select(params.length, params.fixed, params.placed != 0u);
    let head = index / steps % params.heads;
    let batch = index / steps / params.heads;
    var step = index % steps;
    var to = step;
    if params.placed != 0u {
        let place = places[index];
        if place <= 0 {
            return;
        }
        step = min(u32(place) - 1u, params.length - 1u);
    } else {
        let token = u32(max(0, past[0])) + step;
        to = token;
        if token >= params.ahead_of_ring {
            to = params.fixed + (token - params.ahead_of_ring) % params.ring;
            // A later token of this pass goes to the same row.
            if step + params.ring < params.length {
                return;
            }
        }
    }
    if to >= params.rows {
        return;
    }

    let start = ((batch * params.length + step) * params.heads + head) * params.width;
    for (var c = thread; c < params.width; c += THREADS) {
        row[c] = x[start + c];
    }
    workgroupBarrier();
    turn_row(params.width, params.turned, thread);
    let factor = inverseSqrt(f32(params.turned));

    let target_row = ((batch * params.heads + head) * params.rows + to) * params.words;
    if params.bits == 32u {
        for (var c = thread; c < params.width; c += THREADS) {
            cache[target_row + c] = bitcast<u32>(row[c] * factor);
        }
        return;
    }
    if params.bits == 16u {
        for (var word = thread; word < params.words; word += THREADS) {
            let c = 2u * word;
            let pair = vec2<f32>(row[c], select(0.0, row[c + 1u], c + 1u < params.width)) * factor;
            cache[target_row + word] = pack2x16float(clamp(pair, vec2<f32>(-65504.0), vec2<f32>(65504.0)));
        }
        return;
    }
    var low = 3.4e38;
    var high = -3.4e38;
    for (var c = thread; c < params.width; c += THREADS) {
        low = min(low, row[c] * factor);
        high = max(high, row[c] * factor);
    }
    least[thread] = low;
    most[thread] = high;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            least[thread] = min(least[thread], least[thread + half]);
            most[thread] = max(most[thread], most[thread + half]);
        }
        workgroupBarrier();
    }
    let levels = f32((1u << params.bits) - 1u);
    // What is read back counts, so steps are counted by the halves that are kept.
    let kept_least = unpack2x16float(pack2x16float(vec2<f32>(0.0, least[0]))).y;
    let header = pack2x16float(vec2<f32>((most[0] - kept_least) / levels, kept_least));
    let kept_step = unpack2x16float(header).x;
    let inverse = select(0.0, 1.0 / kept_step, kept_step > 0.0);
    if thread == 0u {
        cache[target_row] = header;
    }
    let in_word = 32u / params.bits;
    for (var word = thread; word < params.words - 1u; word += THREADS) {
        var packed = 0u;
        for (var i = 0u; i < in_word; i++) {
            let c = word * in_word + i;
            if c < params.width {
                let value = clamp(round((row[c] * factor - kept_least) * inverse), 0.0, levels);
                packed |= u32(value) << (i * params.bits);
            }
        }
        cache[target_row + 1u + word] = packed;
    }
}

// Logarithm of the power in mel bands, one workgroup per frame: the frame under its window, a Fourier transform of any
// length in workgroup memory (Stockham's order, one pass for each factor of the length), power, bands.

struct Params {
    clips: u32, stride: u32, length: u32, hop: u32,
    frames: u32, bands: u32, passes: u32, unused: u32,
    factors: array<vec4<u32>, 3>,
}

@group(0) @binding(0) var<storage, read> samples: array<f32>;    // [clips, stride]
@group(0) @binding(1) var<storage, read> lengths: array<i32>;    // [clips]
@group(0) @binding(2) var<storage, read> table: array<f32>;      // [3, length]: window, cosines, sines
@group(0) @binding(3) var<storage, read> edges: array<i32>;      // [bands, 3]: first bin, weights from and to
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;  // [clips, frames, bands]
@group(0) @binding(6) var<uniform> params: Params;

override THREADS: u32 = 64u;
const LONGEST = 1024u;
const LOG10_E = 0.43429448190325176;
const FLOOR = 1e-10;

// Complex values before and behind a pass.
var<workgroup> values: array<vec2<f32>, 2048>;

// The sample at a position of the padded clip: ends are mirrored, the edge itself is not repeated.
fn mirrored(position: u32, length: u32) -> u32 {
    let period = 2u * (max(length, 1u) - 1u);
    if period == 0u {
        return 0u;
    }
    let pad = params.length / 2u;
    let place = (position + period * ((pad + period - 1u) / period) - pad) % period;
    return min(place, period - place);
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * groups.x + group.x;
    if row >= params.clips * params.frames {
        return;
    }
    let n = params.length;
    let clip = row / params.frames;
    let first = row % params.frames * params.hop;
    let length = u32(lengths[clip]);
    for (var i = thread; i < n; i += THREADS) {
        values[i] = vec2(samples[clip * params.stride + mirrored(first + i, length)] * table[i], 0.0);
    }
    workgroupBarrier();

    // Before a pass, transforms of `done` values each stand one behind the other; it joins `factor` of them to one.
    var at = 0u;
    var done = 1u;
    for (var pass_ = 0u; pass_ < params.passes; pass_++) {
        let factor = params.factors[pass_ / 4u][pass_ % 4u];
        let apart = n / factor;
        let behind = LONGEST - at;
        for (var i = thread; i < n; i += THREADS) {
            let inner = i % done;
            let source = at + i / (done * factor) * done + inner;
            // What the s-th of them is turned by, in n-ths of a whole turn: s times this.
            let turn = i % (done * factor) * (apart / done);
            var sum = vec2(0.0);
            var angle = 0u;
            for (var s = 0u; s < factor; s++) {
                let x = values[source + s * apart];
                let c = table[n + angle];
                let d = table[2u * n + angle];
                sum += vec2(x.x * c + x.y * d, x.y * c - x.x * d);
                angle += turn;
                angle -= select(0u, n, angle >= n);
            }
            values[behind + i] = sum;
        }
        workgroupBarrier();
        at = behind;
        done *= factor;
    }

    let bins = n / 2u + 1u;
    let behind = LONGEST - at;
    for (var bin = thread; bin < bins; bin += THREADS) {
        values[behind + bin].x = dot(values[at + bin], values[at + bin]);
    }
    workgroupBarrier();
    for (var band = thread; band < params.bands; band += THREADS) {
        let bin = u32(edges[3u * band]);
        let begin = u32(edges[3u * band + 1u]);
        let count = u32(edges[3u * band + 2u]) - begin;
        var sum = 0.0;
        for (var i = 0u; i < count; i++) {
            sum += weights[begin + i] * values[behind + bin + i].x;
        }
        out[row * params.bands + band] = log(max(sum, FLOOR)) * LOG10_E;
    }
}

// Rows of floats to group-wise integers, one group per thread: weights/integer/calibration.rs on the GPU.
// In front stand BITS and the codes LEAST, MOST and MIDDLE; a snippet behind keeps zero points.

struct Params {
    // Groups of this piece, and the number of the first in the matrix.
    count: u32,
    first_group: u32,
    columns: u32,
    row_words: u32,
    row_groups: u32,
    group: u32,
    // Word of the first row among the codes that are bound.
    base: u32,
    // What `trouble` becomes when a value is not finite.
    tensor: u32,
}

@group(0) @binding(0) var<storage, read> values: array<u32>;               // [rows, columns] in their format
@group(0) @binding(1) var<storage, read_write> codes: array<u32>;          // [rows, row_words]
@group(0) @binding(2) var<storage, read_write> scales: array<atomic<u32>>; // [all rows · row_groups / 2], zero at first
@group(0) @binding(3) var<storage, read_write> trouble: atomic<u32>;
@group(0) @binding(4) var<uniform> params: Params;

// 0: 32-bit floats, 1: 16-bit floats, 2: the upper halves of 32-bit floats.
override SOURCE: u32 = 0u;
// 0: the range, 1: least squared error, 2: half-quadratic.
override CALIBRATION: u32 = 0u;
const PER_WORD = 32u / BITS;

struct Fit { scale: f32, zero: f32 }

var<private> first: u32;
var<private> length: u32;
var<private> low: f32;
var<private> high: f32;

// The bits of a value as a 32-bit float; all ones in the exponent where it is not finite.
fn bits(i: u32) -> u32 {
    let at = first + i;
    if SOURCE == 0u {
        return values[at];
    }
    let half = (values[at / 2u] >> (at % 2u * 16u)) & 0xffffu;
    if SOURCE == 2u {
        return half << 16u;
    }
    if (half & 0x7c00u) == 0x7c00u {
        return 0x7f800000u;
    }
    return bitcast<u32>(unpack2x16float(half).x);
}

fn value(i: u32) -> f32 {
    return bitcast<f32>(bits(i));
}

// The nearest 16-bit float, ties to even.
fn half_bits(number: f32) -> u32 {
    let magnitude = min(abs(number), 65504.0);
    let sign = (bitcast<u32>(number) >> 16u) & 0x8000u;
    if magnitude < 6.103515625e-5 {
        return sign | u32(round(magnitude * 16777216.0));
    }
    let word = bitcast<u32>(magnitude);
    return sign | (((word + 0xfffu + ((word >> 13u) & 1u)) >> 13u) - 0x1c000u);
}

fn exact(scale: f32) -> f32 {
    return unpack2x16float(half_bits(scale)).x;
}

fn code(weight: f32, fit: Fit) -> f32 {
    let inverse = select(1.0 / fit.scale, 0.0, fit.scale == 0.0);
    return clamp(round(weight * inverse + fit.zero), LEAST, MOST);
}

// Covers a share of the range.
fn ranged(share: f32) -> Fit {
    if ZEROS {
        let scale = exact((high - low) * share / (MOST - LEAST));
        if scale == 0.0 {
            return Fit(0.0, MIDDLE);
        }
        return Fit(scale, clamp(round(LEAST - low * share / scale), LEAST, MOST));
    }
    let extreme = select(low, high, high >= -low);
    return Fit(exact(extreme * share / (LEAST - MIDDLE)), MIDDLE);
}

// Σ |error|² or Σ |error|
fn cost(fit: Fit, squared: bool) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < length; i++) {
        let w = value(i);
        let error = abs(w - (code(w, fit) - fit.zero) * fit.scale);
        sum += select(error, error * error, squared);
    }
    return sum;
}

// The scale, and with `shift` the zero point, that suit the codes best, after the sparse part of the errors is
// taken away; with a strength of 0 there is none.
fn refined(given: Fit, strength: f32, shift: bool) -> Fit {
    var fit = given;
    let step = abs(fit.scale);
    if step == 0.0 {
        return fit;
    }
    var shifts = 0.0;
    var product = 0.0;
    var square = 0.0;
    for (var i = 0u; i < length; i++) {
        let w = value(i);
        let c = code(w, fit);
        var goal = w;
        if strength > 0.0 {
            let error = (w - (c - fit.zero) * fit.scale) / step;
            let size = abs(error);
            goal -= sign(error) * max(size - pow(max(size, 1e-6), -0.3) / strength, 0.0) * step;
            shifts += c - goal / fit.scale;
        }
        product += (c - fit.zero) * goal;
        square += (c - fit.zero) * (c - fit.zero);
    }
    if shift {
        fit.zero = clamp(round(shifts / f32(length)), LEAST, MOST);
        product = 0.0;
        square = 0.0;
        for (var i = 0u; i < length; i++) {
            let w = value(i);
            let old = code(w, given);
            let error = (w - (old - given.zero) * given.scale) / step;
            let size = abs(error);
            let goal = w - sign(error) * max(size - pow(max(size, 1e-6), -0.3) / strength, 0.0) * step;
            let c = code(w, fit) - fit.zero;
            product += c * goal;
            square += c * c;
        }
    }
    if square > 0.0 {
        fit.scale = exact(product / square);
    }
    return fit;
}

fn fitted() -> Fit {
    var best = ranged(1.0);
    if CALIBRATION == 0u {
        return best;
    }
    var least = cost(best, CALIBRATION == 1u);
    if CALIBRATION == 1u {
        for (var attempt = 0u; attempt < 48u; attempt++) {
            var fit = ranged(1.0 - f32(attempt / 2u) * 0.025);
            if attempt % 2u == 1u {
                if ZEROS {
                    continue;
                }
                fit.scale = -fit.scale;
            }
            fit = refined(fit, 0.0, false);
            let now = cost(fit, true);
            if now < least {
                least = now;
                best = fit;
            }
        }
        return best;
    }
    for (var start = 0u; start < 4u; start++) {
        var fit = ranged(1.0 - f32(start) * 0.1);
        var strength = 1.5;
        for (var turn = 0u; turn < 20u; turn++) {
            fit = refined(fit, strength, ZEROS);
            let now = cost(fit, false);
            if now < least {
                least = now;
                best = fit;
            }
            strength *= 1.1;
        }
    }
    return best;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 64u + id.x;
    if index >= params.count {
        return;
    }
    let row = index / params.row_groups;
    let column = index % params.row_groups * params.group;
    first = row * params.columns + column;
    length = min(params.group, params.columns - column);
    for (var i = 0u; i < length; i++) {
        if (bits(i) & 0x7f800000u) == 0x7f800000u {
            atomicMax(&trouble, params.tensor);
            return;
        }
        low = min(low, value(i));
        high = max(high, value(i));
    }
    let fit = fitted();
    let group = params.first_group + index;
    atomicOr(&scales[group / 2u], half_bits(fit.scale) << (group % 2u * 16u));
    keep_zero(group, i32(fit.zero));
    let start = params.base + row * params.row_words + column / PER_WORD;
    for (var word = 0u; word * PER_WORD < length; word++) {
        var packed = 0u;
        for (var i = 0u; i < min(PER_WORD, length - word * PER_WORD); i++) {
            let c = u32(i32(code(value(word * PER_WORD + i), fit)));
            if BITS == 4u {
                packed |= c << (i % 4u * 8u + i / 4u * 4u);
            } else {
                packed |= (c & 0xffu) << (i * 8u);
            }
        }
        codes[start + word] = packed;
    }
}

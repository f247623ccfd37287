// Rows of floats to group-wise integers, one group per thread.
// In front stand BITS and the codes LEAST, MOST and MIDDLE; behind fit.wgsl, and a snippet that keeps zero points.

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
@group(0) @binding(5) var<storage, read> importance: array<f32>;           // [columns], where activations count

// 0: 32-bit floats, 1: 16-bit floats, 2: the upper halves of 32-bit floats.
override SOURCE: u32 = 0u;
// 0: the range, 1: least squared error, 2: half-quadratic, 3: least squared error where columns matter differently.
override CALIBRATION: u32 = 0u;
const PER_WORD = 32u / BITS;

struct Fit { scale: f32, zero: f32 }

var<private> first: u32;
var<private> column: u32;
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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 64u + id.x;
    if index >= params.count {
        return;
    }
    let row = index / params.row_groups;
    column = index % params.row_groups * params.group;
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

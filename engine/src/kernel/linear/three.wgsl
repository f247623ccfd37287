// The third of three layers.

override ACTIVATION_THIRD: u32 = 0u;

@group(0) @binding(9) var<storage, read_write> third_out: array<f32>;        // [1, outputs - third]
@group(0) @binding(10) var<storage, read> third_codes: array<vec4<u32>>;     // as those of the others
@group(0) @binding(11) var<storage, read> third_scales: array<u32>;

fn store_third(n: u32, sum: f32) {
    third_out[n] = activated(sum, ACTIVATION_THIRD);
}

fn third_pair(at: u32) -> u32 {
    return third_scales[at];
}

fn third_words(at: u32) -> vec4<u32> {
    return third_codes[at];
}

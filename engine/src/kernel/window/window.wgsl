// The largest or the mean value of windows, one channel of one window per invocation.

struct Params {
    image: vec2<u32>,
    size: vec2<u32>,
    stride: vec2<u32>,
    padding: vec2<u32>,
    steps: vec2<u32>,
    channels: u32,
    length: u32,
    mean: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [B, image, channels]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;  // [B, steps, channels]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let channel = i % params.channels;
    let pixel = i / params.channels;
    let column = pixel % params.steps.y;
    let row = pixel / params.steps.y % params.steps.x;
    let batch = pixel / params.steps.y / params.steps.x;
    var largest = -3.4028234e38;
    var sum = 0.0;
    var count = 0.0;
    for (var a = 0u; a < params.size.x; a++) {
        for (var b = 0u; b < params.size.y; b++) {
            // In front of the image numbers wrap around to large ones.
            let position = vec2<u32>(row, column) * params.stride + vec2<u32>(a, b) - params.padding;
            if position.x < params.image.x && position.y < params.image.y {
                let place = (batch * params.image.x + position.x) * params.image.y + position.y;
                let value = x[place * params.channels + channel];
                largest = max(largest, value);
                sum += value;
                count += 1.0;
            }
        }
    }
    out[i] = select(largest, sum / max(count, 1.0), params.mean != 0u);
}

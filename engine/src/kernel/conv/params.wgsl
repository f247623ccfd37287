// A convolution's numbers and operands. [0] is along the height, [1] along the width.

struct Params {
    groups: u32,
    inputs: u32,          // channels of x in a group
    outputs: u32,         // channels of the result in a group
    has_bias: u32,
    image: vec2<u32>,
    size: vec2<u32>,
    stride: vec2<u32>,
    padding: vec2<u32>,
    steps: vec2<u32>,     // height and width of the result
    batch: u32,
    batch_stride: u32,    // of x
    row_stride: u32,
    column_stride: u32,
    channel_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [B, H, W, C] or [B, C, H, W]
@group(0) @binding(1) var<storage, read> bias: array<f32>;       // [groups · outputs], or anything
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [B, steps, groups · outputs]
@group(0) @binding(3) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> weight: array<f32>;     // [groups · outputs, inputs, size]

// x where a window at `step` sees it at `offset`. In front of the image numbers wrap around to large ones.
fn seen(first: u32, step: vec2<u32>, offset: vec2<u32>) -> f32 {
    let position = step * params.stride + offset - params.padding;
    if position.x >= params.image.x || position.y >= params.image.y {
        return 0.0;
    }
    return x[first + position.x * params.row_stride + position.y * params.column_stride];
}

fn result(channel: u32, sum: f32) -> f32 {
    if params.has_bias != 0u {
        return activate(sum + bias[channel]);
    }
    return activate(sum);
}

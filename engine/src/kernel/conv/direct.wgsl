// A convolution with few channels a group: one value per invocation, channels side by side.

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    let channels = params.groups * params.outputs;
    let pixel = i / channels;
    let pixels = params.steps.x * params.steps.y;
    if pixel >= params.batch * pixels {
        return;
    }
    let channel = i % channels;
    let step = vec2<u32>(pixel % pixels / params.steps.y, pixel % params.steps.y);
    var first = pixel / pixels * params.batch_stride + channel / params.outputs * params.inputs * params.channel_stride;
    var w = channel * params.inputs * params.size.x * params.size.y;
    var sum = 0.0;
    for (var c = 0u; c < params.inputs; c++) {
        for (var a = 0u; a < params.size.x; a++) {
            for (var b = 0u; b < params.size.y; b++) {
                sum += weight[w] * seen(first, step, vec2<u32>(a, b));
                w += 1u;
            }
        }
        first += params.channel_stride;
    }
    out[i] = result(channel, sum);
}

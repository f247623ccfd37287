// Parts of attention as one: weighed again by how far the largest score of each is from the largest of all. A
// workgroup makes a row; COLUMNS threads side by side look at a part, and several parts are looked at together.

struct Params { rows: u32, parts: u32, width: u32, splits: u32 }

@group(0) @binding(0) var<storage, read> partial: array<vec4<f32>>;    // [splits, rows, parts + 1]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;        // [rows, width]
@group(0) @binding(2) var<uniform> params: Params;

override COLUMNS: u32 = 16u;
const THREADS = 256u;

var<workgroup> numbers: array<vec2<f32>, THREADS>;    // largest score, sum of shares
var<workgroup> folded: array<vec4<f32>, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * groups.x + group.x;
    if row >= params.rows {
        return;
    }
    let slices = THREADS / COLUMNS;
    let part = thread % COLUMNS;
    var largest = -3.4e38;
    var sum = 0.0;
    var value = vec4<f32>();
    for (var split = thread / COLUMNS; split < params.splits; split += slices) {
        let start = (split * params.rows + row) * (params.parts + 1u);
        let found = partial[start + params.parts];
        let weighed = partial[start + min(part, params.parts - 1u)];
        let now = max(largest, found.x);
        let before = exp(largest - now);
        let added = exp(found.x - now);
        sum = sum * before + found.y * added;
        value = value * before + weighed * added;
        largest = now;
    }
    numbers[thread] = vec2<f32>(largest, sum);
    folded[thread] = value;
    workgroupBarrier();
    if thread >= params.parts {
        return;
    }
    for (var slice = 0u; slice < slices; slice++) {
        largest = max(largest, numbers[slice * COLUMNS + part].x);
    }
    sum = 0.0;
    value = vec4<f32>();
    for (var slice = 0u; slice < slices; slice++) {
        let number = numbers[slice * COLUMNS + part];
        let factor = exp(number.x - largest);
        sum += number.y * factor;
        value += folded[slice * COLUMNS + part] * factor;
    }
    let inverse = select(0.0, 1.0 / sum, sum > 0.0);
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        out[row * params.width + 4u * part + c] = value[c] * inverse;
    }
}

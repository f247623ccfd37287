// Parts of attention as one: weighed again by how far the largest score of each is from the largest of all. A
// workgroup makes a row; COLUMNS threads side by side look at a part, and several such slices share the parts.
// Snippets say
//   const COLUMNS: u32   a power of two up to 64; as many vectors are at least a row
//   fn store(row: u32, part: u32, value: vec4<f32>)     where vector `part` of a row of the result goes
//   fn keep(row: u32, thread: u32, result: vec4<f32>)   what else becomes of vector `thread` of a row

struct Params {
    rows: u32,
    parts: u32,
    width: u32,
    splits: u32,
    heads: u32,
    // Workgroups in a line of the grid.
    across: u32,
}

@group(0) @binding(0) var<storage, read> partial: array<vec4<f32>>;    // [splits, rows, parts + 1]
@group(0) @binding(2) var<uniform> params: Params;

const SLICES = min(8u, 256u / COLUMNS);
// Parts of a slice that are on their way at once: all, as a rule.
const TOGETHER = 4u;
const LEAST = -3.4e38;

var<workgroup> largest_of: array<f32, SLICES>;
var<workgroup> sum_of: array<f32, SLICES>;
var<workgroup> folded: array<vec4<f32>, SLICES * COLUMNS>;

// Largest score and sum of shares of a part.
fn numbers(start: u32, exists: bool) -> vec2<f32> {
    return select(vec2<f32>(LEAST, 0.0), partial[start + params.parts].xy, exists);
}

@compute @workgroup_size(SLICES * COLUMNS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let place = group.y * params.across + group.x;
    // Behind the last row that is looked at again: a return up here costs every row 0.05 µs on an H200.
    let row = min(place, params.rows - 1u);
    let part = thread % COLUMNS;
    let slice = thread / COLUMNS;
    let column = min(part, params.parts - 1u);
    let step = params.rows * (params.parts + 1u);
    let first = row * (params.parts + 1u);
    var found = array<vec2<f32>, TOGETHER>();
    var weighed = array<vec4<f32>, TOGETHER>();
    var largest = LEAST;
    for (var i = 0u; i < TOGETHER; i++) {
        let split = slice + i * SLICES;
        let start = first + min(split, params.splits - 1u) * step;
        found[i] = numbers(start, split < params.splits);
        weighed[i] = partial[start + column];
        largest = max(largest, found[i].x);
    }
    for (var split = slice + TOGETHER * SLICES; split < params.splits; split += SLICES) {
        largest = max(largest, numbers(first + split * step, true).x);
    }
    if part == 0u {
        largest_of[slice] = largest;
    }
    // The largest of all first: then nothing is weighed twice.
    workgroupBarrier();
    for (var other = 0u; other < SLICES; other++) {
        largest = max(largest, largest_of[other]);
    }
    var sum = 0.0;
    var value = vec4<f32>();
    for (var i = 0u; i < TOGETHER; i++) {
        let factor = exp(found[i].x - largest);
        sum += found[i].y * factor;
        value += weighed[i] * factor;
    }
    for (var split = slice + TOGETHER * SLICES; split < params.splits; split += SLICES) {
        let start = first + split * step;
        let number = numbers(start, true);
        let factor = exp(number.x - largest);
        sum += number.y * factor;
        value += partial[start + column] * factor;
    }
    if part == 0u {
        sum_of[slice] = sum;
    }
    folded[thread] = value;
    workgroupBarrier();
    var result = vec4<f32>();
    if place >= params.rows {
        return;
    }
    if thread < params.parts {
        sum = 0.0;
        for (var other = 0u; other < SLICES; other++) {
            sum += sum_of[other];
            result += folded[other * COLUMNS + part];
        }
        result *= select(0.0, 1.0 / sum, sum > 0.0);
        store(row, part, result);
    }
    keep(row, thread, result);
}

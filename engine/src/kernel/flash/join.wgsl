// Parts of attention as one: weighed again by how far the largest score of each is from the largest of all. A
// workgroup makes a row; COLUMNS threads side by side look at four parts at once, and several such slices share
// them. Snippets say
//   const COLUMNS: u32   a power of two up to 64; as many vectors are at least a row
//   fn keep(row: u32, thread: u32, result: vec4<f32>)   what else becomes of vector `thread` of a row

struct Params { rows: u32, parts: u32, width: u32, splits: u32, heads: u32 }

@group(0) @binding(0) var<storage, read> partial: array<vec4<f32>>;    // [splits, rows, parts + 1]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;        // [rows, width]
@group(0) @binding(2) var<uniform> params: Params;

const SLICES = min(8u, 256u / COLUMNS);
const TOGETHER = 4u;
const LEAST = -3.4e38;

var<workgroup> numbers: array<vec2<f32>, SLICES>;    // largest score, sum of shares
var<workgroup> folded: array<vec4<f32>, SLICES * COLUMNS>;

@compute @workgroup_size(SLICES * COLUMNS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * groups.x + group.x;
    if row >= params.rows {
        return;
    }
    let part = thread % COLUMNS;
    let slice = thread / COLUMNS;
    var largest = LEAST;
    var sum = 0.0;
    var value = vec4<f32>();
    for (var first = slice; first < params.splits; first += TOGETHER * SLICES) {
        var found = array<vec4<f32>, TOGETHER>();
        var weighed = array<vec4<f32>, TOGETHER>();
        var now = largest;
        for (var i = 0u; i < TOGETHER; i++) {
            let split = first + i * SLICES;
            let start = (min(split, params.splits - 1u) * params.rows + row) * (params.parts + 1u);
            let number = partial[start + params.parts];
            found[i] = select(vec4<f32>(LEAST, 0.0, 0.0, 0.0), number, split < params.splits);
            let part_of_it = partial[start + min(part, params.parts - 1u)];
            weighed[i] = select(vec4<f32>(), part_of_it, split < params.splits);
            now = max(now, found[i].x);
        }
        let before = exp(largest - now);
        sum *= before;
        value *= before;
        for (var i = 0u; i < TOGETHER; i++) {
            let factor = exp(found[i].x - now);
            sum += found[i].y * factor;
            value += weighed[i] * factor;
        }
        largest = now;
    }
    if part == 0u {
        numbers[slice] = vec2<f32>(largest, sum);
    }
    folded[thread] = value;
    workgroupBarrier();
    var result = vec4<f32>();
    if thread < params.parts {
        for (var other = 0u; other < SLICES; other++) {
            largest = max(largest, numbers[other].x);
        }
        sum = 0.0;
        for (var other = 0u; other < SLICES; other++) {
            let number = numbers[other];
            let factor = exp(number.x - largest);
            sum += number.y * factor;
            result += folded[other * COLUMNS + part] * factor;
        }
        result *= select(0.0, 1.0 / sum, sum > 0.0);
        for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
            out[row * params.width + 4u * part + c] = result[c];
        }
    }
    keep(row, thread, result);
}

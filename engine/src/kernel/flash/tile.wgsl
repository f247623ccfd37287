// Attention without a matrix of scores: a workgroup keeps 4 · SIDE queries while tiles of 4 · SIDE keys and
// values pass by. A thread computes 4 × 4 scores of a tile, and COLUMNS vectors of its four queries' results. What
// is staged next is on its way from memory, into registers, while what is staged is multiplied.
//
// Snippets say what a row is, which keys are seen, and
//   const SIDE: u32      threads on each side of the workgroup
//   const COLUMNS: u32   a power of two; SIDE · COLUMNS vectors are at least a row
//   alias Four           four numbers as they are staged and multiplied
//   const SHORT: bool    whether those are 16-bit floats
// and stand in the place of the lines `//: multiply` and `//: weigh`, because functions over arrays of sums take a tenth
// more time.

const ROWS = 4u * SIDE;
// Vectors of a row that are staged at a time, and one more, so that neighbours read different banks.
const PARTS = 8u;
const STRIDE = PARTS + 1u;
const ACROSS = SIDE * COLUMNS;
// Values that are staged at a time.
const DEEP = 32u / COLUMNS;
const THREADS = SIDE * SIDE;
// Queries, keys and values that a thread brings each time.
const LOADS = 32u / SIDE;
// Rows that are brought at once.
const LINES = THREADS / PARTS;

// Queries and keys [2 · ROWS, STRIDE], then shares [ROWS keys, SIDE + 1 groups of four queries].
var<workgroup> staged: array<Four, 2u * ROWS * STRIDE>;
var<workgroup> staged_values: array<Four, DEEP * ACROSS>;
var<workgroup> folded: array<vec4<f32>, SIDE * SIDE>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let batch = group.z;
    let head = group.y;
    // The tiles that see most keys come first.
    let first = (groups.x - 1u - group.x) * ROWS;
    let last = min(first + ROWS, params.length) - 1u;
    let ahead = ahead();
    let parts = (params.width + 3u) / 4u;
    let memory = batch * params.batch_stride + head / params.group * params.head_stride;
    let row = first + 4u * local.y;
    // Products of short floats have to stay small.
    let early = select(1.0, params.scale, SHORT);
    let late = select(params.scale, 1.0, SHORT);
    var weighed = array<vec4<f32>, 4u * COLUMNS>();
    var largest = vec4<f32>(MASKED);
    var sums = vec4<f32>();
    let end = reach(last, ahead);
    let line = thread / PARTS;
    let column = thread % PARTS;
    var next_queries = array<vec4<f32>, LOADS>();
    var next_keys = array<vec4<f32>, LOADS>();
    var next_values = array<vec4<f32>, LOADS>();
    for (var start = next_key(0u, ROWS, ROWS, first, ahead); start < end; start = next_key(start + ROWS, ROWS, ROWS, first, ahead)) {
        if !block_seen(first, start) {
            continue;
        }

        // Scores, one vector per key over this thread's four queries.
        var scores = array<vec4<f32>, 4>();
        for (var i = 0u; i < LOADS; i++) {
            next_queries[i] = query_line(batch, head, first + line + i * LINES, column, parts);
            next_keys[i] = key_line(memory, start + line + i * LINES, column, parts);
        }
        for (var part = 0u; part < parts; part += PARTS) {
            for (var i = 0u; i < LOADS; i++) {
                staged[(line + i * LINES) * STRIDE + column] = Four(next_queries[i] * early);
                staged[(ROWS + line + i * LINES) * STRIDE + column] = Four(next_keys[i]);
            }
            workgroupBarrier();
            if part + PARTS < parts {
                for (var i = 0u; i < LOADS; i++) {
                    let next = part + PARTS + column;
                    next_queries[i] = query_line(batch, head, first + line + i * LINES, next, parts);
                    next_keys[i] = key_line(memory, start + line + i * LINES, next, parts);
                }
            }
            //: multiply
            workgroupBarrier();
        }

        for (var i = 0u; i < LOADS; i++) {
            next_values[i] = value_line(memory, start, thread + i * THREADS, parts);
        }

        // What is not seen, and what is padding.
        var seen = array<vec4<f32>, 4>();
        let whole = start + ROWS <= reach(first, ahead) && params.window == 0u;
        var now = largest;
        for (var j = 0u; j < 4u; j++) {
            let key = start + local.x + SIDE * j;
            var score = scores[j] * late;
            seen[j] = vec4<f32>(1.0);
            let token = select(-1, i32(key), key < params.keys);
            if params.biased != 0u && token >= 0 {
                // Queries behind the last one get its bias, and are never written.
                let most = params.length - 1u;
                score += vec4<f32>(
                    added(batch, head, min(row, most), token, ahead),
                    added(batch, head, min(row + 1u, most), token, ahead),
                    added(batch, head, min(row + 2u, most), token, ahead),
                    added(batch, head, min(row + 3u, most), token, ahead),
                );
            }
            if padding(batch, token) {
                score = vec4<f32>(MASKED);
            }
            if !whole {
                let visible = vec4<bool>(
                    sees(row, token, ahead),
                    sees(row + 1u, token, ahead),
                    sees(row + 2u, token, ahead),
                    sees(row + 3u, token, ahead),
                );
                score = select(vec4<f32>(MASKED), score, visible);
                seen[j] = select(vec4<f32>(), vec4<f32>(1.0), visible);
            }
            scores[j] = score;
            now = max(now, score);
        }

        // The largest score of each query, over the threads that share it.
        folded[thread] = now;
        workgroupBarrier();
        for (var x = 0u; x < SIDE; x++) {
            now = max(now, folded[local.y * SIDE + x]);
        }
        let kept = exp(largest - now);
        largest = now;
        sums *= kept;
        for (var j = 0u; j < 4u; j++) {
            let shares = exp(scores[j] - now) * seen[j];
            sums += shares;
            staged[(local.x + SIDE * j) * (SIDE + 1u) + local.y] = Four(shares);
        }
        for (var i = 0u; i < 4u; i++) {
            for (var c = 0u; c < COLUMNS; c++) {
                weighed[i * COLUMNS + c] *= kept[i];
            }
        }

        // Values, weighed.
        for (var deep = 0u; deep < ROWS; deep += DEEP) {
            for (var i = 0u; i < LOADS; i++) {
                staged_values[thread + i * THREADS] = Four(next_values[i]);
            }
            workgroupBarrier();
            if deep + DEEP < ROWS {
                for (var i = 0u; i < LOADS; i++) {
                    next_values[i] = value_line(memory, start + deep + DEEP, thread + i * THREADS, parts);
                }
            }
            //: weigh
            workgroupBarrier();
        }
    }

    folded[thread] = sums;
    workgroupBarrier();
    var sum = vec4<f32>();
    for (var x = 0u; x < SIDE; x++) {
        sum += folded[local.y * SIDE + x];
    }
    for (var i = 0u; i < 4u; i++) {
        if row + i >= params.length {
            continue;
        }
        for (var c = 0u; c < COLUMNS; c++) {
            let column = local.x + SIDE * c;
            if column < parts {
                finish(0u, vec3<u32>(batch, head, row + i), column, weighed[i * COLUMNS + c], largest[i], sum[i]);
            }
        }
    }
}

// Vectors of queries, keys and values that may lie behind the last one: the last one then stands in, whose scores
// are not seen; behind the last column there are zeros.
fn query_line(batch: u32, head: u32, line: u32, column: u32, parts: u32) -> vec4<f32> {
    let q = query_at(query_row(batch, head, min(line, params.length - 1u)), min(column, parts - 1u));
    return select(vec4<f32>(), q, column < parts);
}

fn key_line(memory: u32, line: u32, column: u32, parts: u32) -> vec4<f32> {
    let k = key_at(memory + min(line, params.keys - 1u) * params.row_stride, min(column, parts - 1u));
    return select(vec4<f32>(), k, column < parts);
}

// Vector `index` of those that are staged from key `start` on.
fn value_line(memory: u32, start: u32, index: u32, parts: u32) -> vec4<f32> {
    let key = min(start + index / ACROSS, params.keys - 1u);
    return value_at(memory + key * params.row_stride, min(index % ACROSS, parts - 1u));
}

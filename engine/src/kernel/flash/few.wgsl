// Attention of a few queries, such as the one of a decoding step: every key and value is read once, for all the
// queries of all the heads that share it. A workgroup looks at its split of the keys.
//
// Snippets in front say what a row is, which keys are seen, and
//   const ROWS: u32      queries times heads that a workgroup answers, a power of two up to 8
//   const COLUMNS: u32   a power of two from 8 on; as many vectors are at least a row

const THREADS = 256u;
// Keys between two looks at the largest score.
const KEYS = 256u;
// Threads that share a key: what they read at once is a line of memory.
const LANES = 8u;
const ABREAST = THREADS / LANES;
// Threads that share a row of scores, and those that share a column of values.
const ROW_THREADS = THREADS / ROWS;
const SLICES = THREADS / COLUMNS;
// Of a key that a query does not see: below anything masked.
const UNSEEN = -3.402e38;

var<workgroup> queried: array<vec4<f32>, ROWS * COLUMNS>;
var<workgroup> products: array<f32, ROWS * THREADS>;
var<workgroup> scores: array<f32, ROWS * KEYS>;
var<workgroup> folded: array<vec4<f32>, THREADS>;
var<workgroup> numbers: array<f32, THREADS>;
var<workgroup> largest: array<f32, ROWS>;
var<workgroup> kept: array<f32, ROWS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let split = group.x;
    let rows = params.length * params.group;
    let blocks_of_rows = (rows + ROWS - 1u) / ROWS;
    let first = group.z % blocks_of_rows * ROWS;
    let batch = group.z / blocks_of_rows;
    let parts = (params.width + 3u) / 4u;
    let ahead = ahead();
    let memory = batch * params.batch_stride + group.y * params.head_stride;

    for (var index = thread; index < ROWS * COLUMNS; index += THREADS) {
        let at = place(batch, group.y, min(first + index / COLUMNS, rows - 1u));
        let column = index % COLUMNS;
        var q = vec4<f32>();
        if column < parts {
            q = query_at(query_row(at.x, at.y, at.z), column) * params.scale;
        }
        queried[index] = q;
    }
    if thread < ROWS {
        largest[thread] = MASKED;
    }
    workgroupBarrier();

    var weighed = array<vec4<f32>, ROWS>();
    var sum = 0.0;
    let own = thread / ROW_THREADS;
    let nearest = place(batch, group.y, first).z;
    let reach = reach(params.length - 1u, ahead);
    let share = share(reach, ABREAST);
    let end = min(reach, (split + 1u) * share);
    for (var start = next_key(split * share, ABREAST, ABREAST, nearest, ahead); start < end; start = next_key(start + KEYS, ABREAST, ABREAST, nearest, ahead)) {
        let count = min(KEYS, end - start);

        for (var base = 0u; base < count; base += ABREAST) {
            let key = start + base + thread / LANES;
            var product = array<f32, ROWS>();
            if key < end {
                for (var part = thread % LANES; part < parts; part += LANES) {
                    let k = key_at(memory + key * params.row_stride, part);
                    for (var r = 0u; r < ROWS; r++) {
                        product[r] += dot(queried[r * COLUMNS + part], k);
                    }
                }
            }
            for (var r = 0u; r < ROWS; r++) {
                products[r * THREADS + thread] = product[r];
            }
            workgroupBarrier();
            for (var index = thread; index < ROWS * ABREAST; index += THREADS) {
                let r = index / ABREAST;
                let j = base + index % ABREAST;
                var score = 0.0;
                for (var lane = 0u; lane < LANES; lane++) {
                    score += products[r * THREADS + index % ABREAST * LANES + lane];
                }
                let at = place(batch, group.y, min(first + r, rows - 1u));
                let token = token(batch, at.y, start + j, ahead);
                if start + j >= end || !sees(at.z, token, ahead) || !block_seen(at.z, start + j) {
                    score = UNSEEN;
                } else if padding(batch, token) {
                    score = MASKED;
                } else {
                    score += added(batch, at.y, at.z, token, ahead);
                }
                scores[r * KEYS + j] = score;
            }
            workgroupBarrier();
        }

        // The largest score of each row.
        var most = MASKED;
        for (var j = thread % ROW_THREADS; j < count; j += ROW_THREADS) {
            most = max(most, scores[own * KEYS + j]);
        }
        numbers[thread] = most;
        workgroupBarrier();
        for (var half = ROW_THREADS / 2u; half > 0u; half /= 2u) {
            if thread % ROW_THREADS < half {
                numbers[thread] = max(numbers[thread], numbers[thread + half]);
            }
            workgroupBarrier();
        }
        if thread < ROWS {
            let now = max(largest[thread], numbers[thread * ROW_THREADS]);
            kept[thread] = exp(largest[thread] - now);
            largest[thread] = now;
        }
        workgroupBarrier();
        sum *= kept[own];
        for (var j = thread % ROW_THREADS; j < count; j += ROW_THREADS) {
            let score = scores[own * KEYS + j];
            let part = select(exp(score - largest[own]), 0.0, score < MASKED);
            scores[own * KEYS + j] = part;
            sum += part;
        }
        workgroupBarrier();

        for (var r = 0u; r < ROWS; r++) {
            weighed[r] *= kept[r];
        }
        let column = thread % COLUMNS;
        if column < parts {
            for (var j = thread / COLUMNS; j < count; j += SLICES) {
                let v = value_at(memory + (start + j) * params.row_stride, column);
                for (var r = 0u; r < ROWS; r++) {
                    weighed[r] += scores[r * KEYS + j] * v;
                }
            }
        }
        workgroupBarrier();
    }

    numbers[thread] = sum;
    workgroupBarrier();
    for (var half = ROW_THREADS / 2u; half > 0u; half /= 2u) {
        if thread % ROW_THREADS < half {
            numbers[thread] += numbers[thread + half];
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < ROWS; r++) {
        folded[thread] = weighed[r];
        workgroupBarrier();
        if thread < parts && first + r < rows {
            var value = vec4<f32>();
            for (var slice = 0u; slice < SLICES; slice++) {
                value += folded[slice * COLUMNS + thread];
            }
            finish(split, place(batch, group.y, first + r), thread, value, largest[r], numbers[r * ROW_THREADS]);
        }
        workgroupBarrier();
    }
}

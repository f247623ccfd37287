// Attention of a few queries where threads can exchange registers. Teams of LANES neighbours walk over the keys of
// their workgroup's split, each with sums of its own, KEYS keys at a time; what they found is joined in the end.
//
// Snippets in front say what a row is, which keys are seen, and
//   const ROWS: u32      queries times heads that a workgroup answers, a power of two up to 8
//   const COLUMNS: u32   a power of two; as many vectors are at least a row
//   const LANES: u32     threads of a team, within a subgroup; COLUMNS, or half of it

const THREADS = 256u;
const VECTORS = COLUMNS / LANES;
const TEAMS = THREADS / LANES;
// Keys and values that are on their way at once.
const KEYS = 4u;
// Of a key that a query does not see: below anything masked.
const UNSEEN = -3.402e38;

var<workgroup> numbers: array<vec2<f32>, TEAMS * ROWS>;             // largest score, sum of shares
var<workgroup> folded: array<vec4<f32>, TEAMS * ROWS * COLUMNS>;

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
    let lane = thread % LANES;
    let team = thread / LANES;

    var at = array<vec3<u32>, ROWS>();
    var queries = array<vec4<f32>, ROWS * VECTORS>();
    var weighed = array<vec4<f32>, ROWS * VECTORS>();
    var largest = array<f32, ROWS>();
    var sums = array<f32, ROWS>();
    for (var r = 0u; r < ROWS; r++) {
        at[r] = place(batch, group.y, min(first + r, rows - 1u));
        largest[r] = MASKED;
        for (var v = 0u; v < VECTORS; v++) {
            let column = lane + v * LANES;
            let q = query_at(query_row(at[r].x, at[r].y, at[r].z), min(column, parts - 1u));
            queries[r * VECTORS + v] = select(vec4<f32>(), q * params.scale, column < parts);
        }
    }
    let nearest = place(batch, group.y, first).z;
    let reach = reach(params.length - 1u, ahead);
    let share = share(reach, TEAMS);
    let end = min(reach, (split + 1u) * share);
    for (var start = next_key(split * share, TEAMS, nearest, ahead); start < end; start = next_key(start + KEYS * TEAMS, TEAMS, nearest, ahead)) {
        // Heads that share keys see the same tokens in the same rows.
        var tokens = array<i32, KEYS>();
        var padded = array<bool, KEYS>();
        var keys_here = array<vec4<f32>, KEYS * VECTORS>();
        var values_here = array<vec4<f32>, KEYS * VECTORS>();
        for (var j = 0u; j < KEYS; j++) {
            let key = start + j * TEAMS + team;
            tokens[j] = token(batch, at[0].y, min(key, end - 1u), ahead);
            padded[j] = padding(batch, tokens[j]);
            let row = memory + min(key, end - 1u) * params.row_stride;
            for (var v = 0u; v < VECTORS; v++) {
                let column = min(lane + v * LANES, parts - 1u);
                keys_here[j * VECTORS + v] = key_at(row, column);
                values_here[j * VECTORS + v] = value_at(row, column);
            }
        }
        var scores = array<f32, KEYS * ROWS>();
        for (var j = 0u; j < KEYS; j++) {
            for (var r = 0u; r < ROWS; r++) {
                var score = 0.0;
                for (var v = 0u; v < VECTORS; v++) {
                    score += dot(queries[r * VECTORS + v], keys_here[j * VECTORS + v]);
                }
                scores[j * ROWS + r] = over_neighbours(score, LANES);
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            var now = largest[r];
            for (var j = 0u; j < KEYS; j++) {
                let key = start + j * TEAMS + team;
                var score = scores[j * ROWS + r];
                score += added(batch, at[r].y, at[r].z, tokens[j], ahead);
                score = select(score, MASKED, padded[j]);
                let seen = sees(at[r].z, tokens[j], ahead) && block_seen(at[r].z, min(key, end - 1u));
                score = select(UNSEEN, score, seen && key < end);
                scores[j * ROWS + r] = score;
                now = max(now, score);
            }
            let kept = exp(largest[r] - now);
            largest[r] = now;
            sums[r] *= kept;
            for (var v = 0u; v < VECTORS; v++) {
                weighed[r * VECTORS + v] *= kept;
            }
            for (var j = 0u; j < KEYS; j++) {
                let score = scores[j * ROWS + r];
                let part = select(exp(score - now), 0.0, score < MASKED);
                sums[r] += part;
                for (var v = 0u; v < VECTORS; v++) {
                    weighed[r * VECTORS + v] += part * values_here[j * VECTORS + v];
                }
            }
        }
    }

    for (var r = 0u; r < ROWS; r++) {
        if lane == 0u {
            numbers[team * ROWS + r] = vec2<f32>(largest[r], sums[r]);
        }
        for (var v = 0u; v < VECTORS; v++) {
            folded[(team * ROWS + r) * COLUMNS + v * LANES + lane] = weighed[r * VECTORS + v];
        }
    }
    workgroupBarrier();
    for (var index = thread; index < ROWS * COLUMNS; index += THREADS) {
        let r = index / COLUMNS;
        let column = index % COLUMNS;
        var most = MASKED;
        for (var other = 0u; other < TEAMS; other++) {
            most = max(most, numbers[other * ROWS + r].x);
        }
        var value = vec4<f32>();
        var sum = 0.0;
        for (var other = 0u; other < TEAMS; other++) {
            let number = numbers[other * ROWS + r];
            let factor = exp(number.x - most);
            sum += number.y * factor;
            value += folded[(other * ROWS + r) * COLUMNS + column] * factor;
        }
        if column < parts && first + r < rows {
            finish(split, place(batch, group.y, first + r), column, value, most, sum);
        }
    }
}

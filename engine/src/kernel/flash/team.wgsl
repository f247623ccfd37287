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
const ABREAST = KEYS * TEAMS;
// Their scores, key by key. A team shares them out: a thread has HELD of them, or SPARE threads have one.
const SCORES = KEYS * ROWS;
const HELD = max(SCORES / LANES, 1u);
const SPARE = max(LANES / SCORES, 1u);
// How far apart threads are that have the same row of the next key.
const APART = SPARE * ROWS / HELD;
// Of a key that a query does not see: below anything masked.
const UNSEEN = -3.402e38;

var<workgroup> numbers: array<vec2<f32>, TEAMS * ROWS>;  // largest score, sum of shares
var<workgroup> folded: array<vec4<f32>, TEAMS * ROWS * COLUMNS>;

// The largest, and the sum, over the threads of a team that have the same row.
fn largest_of_row(own: f32) -> f32 {
    let two = max(own, subgroupShuffleXor(own, APART));
    return max(two, subgroupShuffleXor(two, 2u * APART));
}

fn sum_of_row(own: f32) -> f32 {
    let two = own + subgroupShuffleXor(own, APART);
    return two + subgroupShuffleXor(two, 2u * APART);
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) neighbour: u32,
) {
    let split = group.x;
    let rows = params.length * params.group;
    var first = 0u;
    var batch = group.z;
    if rows > ROWS {
        let blocks_of_rows = (rows + ROWS - 1u) / ROWS;
        first = group.z % blocks_of_rows * ROWS;
        batch = group.z / blocks_of_rows;
    }
    let parts = (params.width + 3u) / 4u;
    let ahead = ahead();
    let memory = batch * params.batch_stride + group.y * params.head_stride;
    let lane = thread % LANES;
    let team = thread / LANES;
    let leader = neighbour / LANES * LANES;
    // The first score that is this thread's: of which row, and of which of the keys.
    let own_row = lane / SPARE * HELD % ROWS;
    let own_key = lane / APART;
    let front = place(batch, group.y, first);

    var queries = array<vec4<f32>, ROWS * VECTORS>();
    var weighed = array<vec4<f32>, ROWS * VECTORS>();
    for (var r = 0u; r < ROWS; r++) {
        let at = place(batch, group.y, min(first + r, rows - 1u));
        for (var v = 0u; v < VECTORS; v++) {
            let column = lane + v * LANES;
            let q = query_at(query_row(at.x, at.y, at.z), min(column, parts - 1u));
            queries[r * VECTORS + v] = select(vec4<f32>(), q * params.scale, column < parts);
        }
    }
    var at = array<vec3<u32>, HELD>();
    var largest = array<f32, HELD>();
    var sums = array<f32, HELD>();
    for (var h = 0u; h < HELD; h++) {
        at[h] = place(batch, group.y, min(first + own_row + h, rows - 1u));
        largest[h] = MASKED;
    }
    let end = reach(params.length - 1u, ahead);
    // Splits take turns, so that each has its part of a window.
    let step = ABREAST * params.splits;
    var start = next_key(split * ABREAST, ABREAST, step, front.z, ahead);
    for (; start < end; start = next_key(start + step, ABREAST, step, front.z, ahead)) {
        var keys_here = array<vec4<f32>, KEYS * VECTORS>();
        var values_here = array<vec4<f32>, KEYS * VECTORS>();
        for (var j = 0u; j < KEYS; j++) {
            let row = memory + min(start + j * TEAMS + team, end - 1u) * params.row_stride;
            for (var v = 0u; v < VECTORS; v++) {
                let column = min(lane + v * LANES, parts - 1u);
                keys_here[j * VECTORS + v] = key_at(row, column);
                values_here[j * VECTORS + v] = value_at(row, column);
            }
        }
        // Heads that share keys see the same tokens in the same rows.
        let key = start + own_key * TEAMS + team;
        let token = token(batch, front.y, min(key, end - 1u), ahead);
        let padded = padding(batch, token);
        var scores = array<f32, SCORES>();
        for (var j = 0u; j < KEYS; j++) {
            for (var r = 0u; r < ROWS; r++) {
                for (var v = 0u; v < VECTORS; v++) {
                    scores[j * ROWS + r] += dot(queries[r * VECTORS + v], keys_here[j * VECTORS + v]);
                }
            }
        }
        for (var i = 0u; i < SCORES / 2u; i++) {
            scores[i] = halved(scores[i], scores[i + SCORES / 2u], LANES / 2u, lane);
        }
        for (var i = 0u; i < SCORES / 4u; i++) {
            scores[i] = halved(scores[i], scores[i + SCORES / 4u], LANES / 4u, lane);
        }
        if LANES > 4u {
            for (var i = 0u; i < SCORES / 8u; i++) {
                scores[i] = halved(scores[i], scores[i + SCORES / 8u], LANES / 8u, lane);
            }
        }
        if LANES > 8u {
            for (var i = 0u; i < SCORES / 16u; i++) {
                scores[i] = halved(scores[i], scores[i + SCORES / 16u], LANES / 16u, lane);
            }
        }
        if LANES > 16u {
            for (var i = 0u; i < SCORES / 32u; i++) {
                scores[i] = halved(scores[i], scores[i + SCORES / 32u], LANES / 32u, lane);
            }
        }
        var kept = array<f32, HELD>();
        var shares = array<f32, HELD>();
        for (var h = 0u; h < HELD; h++) {
            var score = over_neighbours(scores[h], SPARE) + added(batch, at[h].y, at[h].z, token, ahead);
            score = select(score, MASKED, padded);
            let seen = sees(at[h].z, token, ahead) && block_seen(at[h].z, min(key, end - 1u));
            score = select(UNSEEN, score, seen && key < end);
            let now = max(largest[h], largest_of_row(score));
            kept[h] = exp(largest[h] - now);
            shares[h] = select(exp(score - now), 0.0, score < MASKED);
            largest[h] = now;
            sums[h] = sums[h] * kept[h] + shares[h];
        }
        for (var r = 0u; r < ROWS; r++) {
            let factor = subgroupShuffle(kept[r % HELD], leader + r / HELD * SPARE);
            for (var v = 0u; v < VECTORS; v++) {
                weighed[r * VECTORS + v] *= factor;
            }
            for (var j = 0u; j < KEYS; j++) {
                let share = subgroupShuffle(shares[r % HELD], leader + j * APART + r / HELD * SPARE);
                for (var v = 0u; v < VECTORS; v++) {
                    weighed[r * VECTORS + v] += share * values_here[j * VECTORS + v];
                }
            }
        }
    }

    for (var h = 0u; h < HELD; h++) {
        let sum = sum_of_row(sums[h]);
        if lane < APART && lane % SPARE == 0u {
            numbers[team * ROWS + own_row + h] = vec2<f32>(largest[h], sum);
        }
    }
    for (var r = 0u; r < ROWS; r++) {
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

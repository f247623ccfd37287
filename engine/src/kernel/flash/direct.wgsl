// Attention without a matrix of scores: QUERIES queries per thread, four keys at a time, nothing shared between
// threads. For adapters that run on a CPU, where barriers cost more than reading a value again. With several
// splits neighbouring threads look at different keys of the same queries.
//
// A snippet in front says
//   const QUERIES: u32
//   const PARTS: u32     vectors that a row may have

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let batch = id.z;
    let head = id.y;
    let split = id.x % params.splits;
    let first = QUERIES * (id.x / params.splits);
    if first >= params.length {
        return;
    }
    let parts = min(PARTS, (params.width + 3u) / 4u);
    let ahead = ahead();
    // At the edge the last query is computed more than once.
    var rows = array<u32, QUERIES>();
    for (var i = 0u; i < QUERIES; i++) {
        rows[i] = min(first + i, params.length - 1u);
    }
    let memory = batch * params.batch_stride + head / params.group * params.head_stride;
    var weighed = array<vec4<f32>, QUERIES * PARTS>();
    var largest = array<f32, QUERIES>();
    for (var i = 0u; i < QUERIES; i++) {
        largest[i] = MASKED;
    }
    var sums = array<f32, QUERIES>();
    let reach = reach(rows[QUERIES - 1u], ahead);
    let share = share(reach, 4u);
    let end = min(reach, (split + 1u) * share);
    for (var j = next_key(split * share, 4u, 4u, first, ahead); j < end; j = next_key(j + 4u, 4u, 4u, first, ahead)) {
        if !block_seen(first, j) {
            continue;
        }
        let columns = min(vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.keys - 1u));
        let starts = memory + columns * params.row_stride;
        var scores = array<vec4<f32>, QUERIES>();
        for (var part = 0u; part < parts; part++) {
            let a = key_at(starts.x, part);
            let b = key_at(starts.y, part);
            let c = key_at(starts.z, part);
            let d = key_at(starts.w, part);
            for (var i = 0u; i < QUERIES; i++) {
                let q = query_at(query_row(batch, head, rows[i]), part);
                scores[i] += vec4<f32>(dot(q, a), dot(q, b), dot(q, c), dot(q, d));
            }
        }
        var kept = array<f32, QUERIES>();
        for (var i = 0u; i < QUERIES; i++) {
            var seen = vec4<f32>();
            var score = scores[i] * params.scale;
            for (var c = 0u; c < 4u; c++) {
                let token = token(batch, head, j + c, ahead);
                if j + c >= reach || !sees(rows[i], token, ahead) {
                    score[c] = MASKED;
                    continue;
                }
                seen[c] = 1.0;
                if padding(batch, token) {
                    score[c] = MASKED;
                } else {
                    score[c] += added(batch, head, rows[i], token, ahead);
                }
            }
            let now = max(largest[i], max(max(score.x, score.y), max(score.z, score.w)));
            let shares = exp(score - now) * seen;
            kept[i] = exp(largest[i] - now);
            sums[i] = sums[i] * kept[i] + dot(shares, vec4<f32>(1.0));
            largest[i] = now;
            scores[i] = shares;
        }
        for (var part = 0u; part < parts; part++) {
            let a = value_at(starts.x, part);
            let b = value_at(starts.y, part);
            let c = value_at(starts.z, part);
            let d = value_at(starts.w, part);
            for (var i = 0u; i < QUERIES; i++) {
                let shares = scores[i];
                let more = (shares.x * a + shares.y * b) + (shares.z * c + shares.w * d);
                weighed[i * PARTS + part] = weighed[i * PARTS + part] * kept[i] + more;
            }
        }
    }
    for (var i = 0u; i < min(QUERIES, params.length - first); i++) {
        for (var part = 0u; part < parts; part++) {
            finish(split, vec3<u32>(batch, head, first + i), part, weighed[i * PARTS + part], largest[i], sums[i]);
        }
    }
}

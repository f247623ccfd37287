// What attention is told, which keys exist for which queries, and what is added to their scores.

struct Params {
    length: u32,
    keys: u32,
    heads: u32,
    // Heads that share a key.
    group: u32,
    width: u32,
    // From one sequence, head or row of keys and values to the next.
    batch_stride: u32,
    head_stride: u32,
    row_stride: u32,
    scale: f32,
    causal: u32,
    masked: u32,
    // Whether `past` is read; otherwise it is keys - length.
    cached: u32,
    // 0 for no bias, 1 for one by distance, else the windows, plus one, of a bias for every score.
    biased: u32,
    // Distances that the bias knows in each direction.
    limit: i32,
    // Keys up to its own that a query sees, 0 for all; and the first keys that it sees besides.
    window: u32,
    sinks: u32,
    // Side of a block, 0 where blocks say nothing.
    block: u32,
    // Parts in which keys are looked at, at least 1; and whether what is written are parts.
    splits: u32,
    parted: u32,
    // Queries of all heads and sequences.
    rows: u32,
    // Columns of the mask.
    columns: u32,
    // Tokens in front of the ring, their rows, and the rows of the ring: 0 where row t holds token t.
    ring_from: u32,
    ring_fixed: u32,
    ring: u32,
    // Whether `blocks` says which tokens the rows in front of the ring hold.
    placed: u32,
}

@group(0) @binding(3) var<storage, read> mask: array<i32>;    // [B, keys]
@group(0) @binding(4) var<storage, read> past: array<i32>;    // [1]
@group(0) @binding(5) var<storage, read> bias: array<f32>;    // [windows, heads, length, keys] or [2 · limit + 1, heads]
// [⌈length / block⌉, ⌈keys / block⌉], or each token plus 1 [B, kv, ring_fixed].
@group(0) @binding(6) var<storage, read> blocks: array<i32>;
@group(0) @binding(8) var<uniform> params: Params;

const MASKED = -3.4e38;

// Keys in front of the first query's own; fewer than none if there are more queries than keys.
fn ahead() -> i32 {
    if params.cached != 0u {
        return past[0];
    }
    return i32(params.keys) - i32(params.length);
}

// Keys of which the queries up to `last` see none are behind this one.
fn reach(last: u32, ahead: i32) -> u32 {
    let seen = u32(max(0, i32(last) + ahead + 1));
    if params.ring > 0u {
        let all = u32(ahead) + params.length;
        if all <= params.ring_from {
            return min(all, params.ring_fixed);
        }
        return params.ring_fixed + min(all - params.ring_from, params.ring);
    }
    return select(params.keys, min(params.keys, seen), params.causal != 0u);
}

// The first key from `key` on, in steps of `step`, that a query from `first` on may see by its window.
fn next_key(key: u32, step: u32, first: u32, ahead: i32) -> u32 {
    if params.window == 0u || key < params.sinks {
        return key;
    }
    let near = max(0, i32(first) + ahead + 1 - i32(params.window));
    return max(key, u32(near) / step * step);
}

// Whether query i of key j's block sees it at all. The same for a whole tile, which lies in one block.
fn block_seen(i: u32, j: u32) -> bool {
    if params.block == 0u {
        return true;
    }
    let across = (params.keys + params.block - 1u) / params.block;
    return blocks[i / params.block * across + j / params.block] != 0;
}

// The token in row `row` of the keys of a head, below 0 for none.
fn token(batch: u32, head: u32, row: u32, ahead: i32) -> i32 {
    if params.ring == 0u {
        return select(-1, i32(row), row < params.keys);
    }
    if row < params.ring_fixed {
        if params.placed == 0u {
            return i32(row);
        }
        let heads = params.heads / params.group;
        return blocks[(batch * heads + head / params.group) * params.ring_fixed + row] - 1;
    }
    let later = ahead + i32(params.length) - 1 - i32(params.ring_from);
    let behind = (later + i32(params.ring) - i32(row - params.ring_fixed) % i32(params.ring)) % i32(params.ring);
    return select(-1, i32(params.ring_from) + later - behind, later >= behind);
}

// Whether query i sees token j, as far as order and window say.
fn sees(i: u32, j: i32, ahead: i32) -> bool {
    let distance = i32(i) + ahead - j;
    let near = params.window == 0u || distance < i32(params.window) || j < i32(params.sinks);
    return j >= 0 && near && !(params.causal != 0u && distance < 0);
}

fn padding(batch: u32, j: i32) -> bool {
    return params.masked != 0u && j >= 0 && mask[batch * params.columns + u32(j)] == 0;
}

// What is added to the score of query i and token j.
fn added(batch: u32, head: u32, i: u32, j: i32, ahead: i32) -> f32 {
    if params.biased == 0u {
        return 0.0;
    }
    if params.biased == 1u {
        let distance = clamp(j - ahead - i32(i), -params.limit, params.limit);
        return bias[u32(distance + params.limit) * params.heads + head];
    }
    let line = (batch % (params.biased - 1u) * params.heads + head) * params.length + i;
    return bias[line * params.keys + u32(j)];
}

// Where row `row` of a head starts, in the queries and in the result.
fn query_row(batch: u32, head: u32, row: u32) -> u32 {
    return ((batch * params.length + row) * params.heads + head) * params.width;
}

// Keys of a split of `reach`, in whole steps.
fn share(reach: u32, step: u32) -> u32 {
    return ((reach + params.splits - 1u) / params.splits + step - 1u) / step * step;
}

// Writes a vector of the result at `at`, which is sequence, head and query, or of a part of it.
fn finish(split: u32, at: vec3<u32>, part: u32, weighed: vec4<f32>, largest: f32, sum: f32) {
    if params.parted == 0u {
        // Where nothing was seen the sum is 0, and so is the result.
        store(query_row(at.x, at.y, at.z), part, weighed * select(0.0, 1.0 / sum, sum > 0.0));
        return;
    }
    let parts = (params.width + 3u) / 4u;
    let row = (at.x * params.length + at.z) * params.heads + at.y;
    let start = (split * params.rows + row) * (parts + 1u);
    store_part(start + part, weighed);
    if part == 0u {
        store_part(start + parts, vec4<f32>(largest, sum, 0.0, 0.0));
    }
}

// Sequence, head and query of a row: the heads that share a key follow each other.
fn place(batch: u32, kv: u32, row: u32) -> vec3<u32> {
    return vec3<u32>(batch, kv * params.group + row % params.group, row / params.group);
}

// What attention is told, where its rows are, and where its result goes. Which keys exist for which queries, and
// what is added to their scores, is in a snippet of its own: seen.wgsl, or seen_plain.wgsl where order is all there is.

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

// Known when the pipeline is made: a few keys' attention takes a thirtieth longer where it has to ask.
// Whether queries see no keys behind their own, whether there is a mask, and whether `past` is read; otherwise it is
// keys - length.
override CAUSAL: bool = false;
override PADDED: bool = false;
override CACHED: bool = false;

const MASKED = -3.4e38;

// Keys in front of the first query's own; fewer than none if there are more queries than keys.
fn ahead() -> i32 {
    if CACHED {
        return past[0];
    }
    return i32(params.keys) - i32(params.length);
}

fn padding(batch: u32, j: i32) -> bool {
    return PADDED && j >= 0 && mask[batch * params.columns + u32(j)] == 0;
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
    // Numbers of no constant take long to divide by.
    if params.length == 1u {
        return vec3<u32>(batch, kv * params.group + row, 0u);
    }
    return vec3<u32>(batch, kv * params.group + row % params.group, row / params.group);
}

// Which keys exist for which queries, and what is added to their scores, by everything that attention may be told.

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
    return select(params.keys, min(params.keys, seen), CAUSAL);
}

// The first key from `key` on, in steps of `step`, with which a query from `first` on may see one of `width` by its window.
fn next_key(key: u32, width: u32, step: u32, first: u32, ahead: i32) -> u32 {
    if params.window == 0u || key < params.sinks {
        return key;
    }
    let near = max(0, i32(first) + ahead + 1 - i32(params.window));
    let behind = u32(max(0, near + 1 - i32(key + width)));
    return key + (behind + step - 1u) / step * step;
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
    return j >= 0 && near && !(CAUSAL && distance < 0);
}

// What is added to the score of query i and token j.
fn added(batch: u32, head: u32, i: u32, j: i32, ahead: i32) -> f32 {
    if params.biased == 0u || j < 0 {
        return 0.0;
    }
    if params.biased == 1u {
        let distance = clamp(j - ahead - i32(i), -params.limit, params.limit);
        return bias[u32(distance + params.limit) * params.heads + head];
    }
    let line = (batch % (params.biased - 1u) * params.heads + head) * params.length + i;
    return bias[line * params.keys + u32(j)];
}

// Which keys exist for which queries where nothing but their order tells: no window, no blocks, no ring, no bias.
// What is never asked for would cost a few keys' attention a third of its time.

// Keys of which the queries up to `last` see none are behind this one.
fn reach(last: u32, ahead: i32) -> u32 {
    let seen = u32(max(0, i32(last) + ahead + 1));
    return select(params.keys, min(params.keys, seen), CAUSAL);
}

fn next_key(key: u32, width: u32, step: u32, first: u32, ahead: i32) -> u32 {
    return key;
}

fn block_seen(i: u32, j: u32) -> bool {
    return true;
}

// The token in row `row` of the keys of a head, below 0 for none.
fn token(batch: u32, head: u32, row: u32, ahead: i32) -> i32 {
    return select(-1, i32(row), row < params.keys);
}

// Whether query i sees token j.
fn sees(i: u32, j: i32, ahead: i32) -> bool {
    return j >= 0 && !(CAUSAL && i32(i) + ahead < j);
}

fn added(batch: u32, head: u32, i: u32, j: i32, ahead: i32) -> f32 {
    return 0.0;
}

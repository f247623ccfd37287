// Two sums over neighbouring threads, in half the exchanges: a thread gives one of them to the neighbour `apart` from it for
// the other. Threads with that bit go on with the upper one.
fn halved(lower: f32, upper: f32, apart: u32, thread: u32) -> f32 {
    let above = (thread & apart) != 0u;
    return select(lower, upper, above) + subgroupShuffleXor(select(upper, lower, above), apart);
}

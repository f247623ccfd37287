// The sum over TEAM neighbouring threads, which lie within a subgroup, on all of them. Written out: in a loop over
// halves compilers keep what is summed in memory instead of registers, which made kernels twice as slow.

fn over_team(own: f32) -> f32 {
    var sum = own + subgroupShuffleXor(own, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    if TEAM > 4u {
        sum += subgroupShuffleXor(sum, 4u);
    }
    if TEAM > 8u {
        sum += subgroupShuffleXor(sum, 8u);
    }
    if TEAM > 16u {
        sum += subgroupShuffleXor(sum, 16u);
    }
    return sum;
}

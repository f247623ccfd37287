// The sum over `count` neighbouring threads, a power of two within a subgroup, on all of them. Written out: in a loop
// over halves compilers keep what is summed in memory instead of registers, which made kernels twice as slow.

fn over_neighbours(own: f32, count: u32) -> f32 {
    var sum = own;
    if count > 1u {
        sum += subgroupShuffleXor(sum, 1u);
    }
    if count > 2u {
        sum += subgroupShuffleXor(sum, 2u);
    }
    if count > 4u {
        sum += subgroupShuffleXor(sum, 4u);
    }
    if count > 8u {
        sum += subgroupShuffleXor(sum, 8u);
    }
    if count > 16u {
        sum += subgroupShuffleXor(sum, 16u);
    }
    return sum;
}

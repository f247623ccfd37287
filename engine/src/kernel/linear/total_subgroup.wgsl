// Sums over a team by exchanging registers: a team lies within a subgroup, whose threads are neighbours. Written out:
// in a loop over halves compilers keep the sums in memory instead of registers.

alias Sums = array<f32, ROWS * COLUMNS>;

fn total(sums: Sums, thread: u32) -> Sums {
    var result = sums;
    for (var i = 0u; i < ROWS * COLUMNS; i++) {
        result[i] += subgroupShuffleXor(result[i], 1u);
        result[i] += subgroupShuffleXor(result[i], 2u);
        if TEAM > 4u {
            result[i] += subgroupShuffleXor(result[i], 4u);
        }
        if TEAM > 8u {
            result[i] += subgroupShuffleXor(result[i], 8u);
        }
        if TEAM > 16u {
            result[i] += subgroupShuffleXor(result[i], 16u);
        }
    }
    return result;
}

// Sums over a team by exchanging registers: a team lies within a subgroup, whose threads are neighbours.

alias Sums = array<f32, ROWS * COLUMNS>;

fn total(sums: Sums, thread: u32) -> Sums {
    var result = sums;
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        for (var i = 0u; i < ROWS * COLUMNS; i++) {
            result[i] += subgroupShuffleXor(result[i], half);
        }
    }
    return result;
}

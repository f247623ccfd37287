// Sums over a team by exchanging registers.

alias Sums = array<f32, ROWS * COLUMNS>;

fn total(sums: Sums, thread: u32) -> Sums {
    var result = sums;
    for (var i = 0u; i < ROWS * COLUMNS; i++) {
        result[i] = over_team(result[i]);
    }
    return result;
}

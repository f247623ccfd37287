// out[m, n] = Σ x[m, k] · weight[n, k] for few m: TEAM neighbouring threads share COLUMNS rows of weights and
// ROWS rows of x, and read sixteen bytes of weights each, side by side. team_direct.wgsl or team_staged.wgsl has the sums
// of a thread; in place, because functions over arrays of sums take more time. Snippets say
//   fn total(sums: Sums, thread: u32) -> Sums    every sum, over the threads of a team

override TEAM: u32 = 32u;

// The first row of weights of a thread's team.
fn first_column(group: u32, thread: u32) -> u32 {
    return (group * (256u / TEAM) + thread / TEAM) * COLUMNS;
}

fn keep(sums: Sums, row: u32, first: u32, thread: u32) {
    let size = extent();
    let all = total(sums, thread);
    if thread % TEAM == 0u {
        for (var r = 0u; r < ROWS; r++) {
            for (var c = 0u; c < COLUMNS; c++) {
                if row + r < size.x && first + c < size.y {
                    store(0u, row + r, first + c, all[r * COLUMNS + c]);
                }
            }
        }
    }
}

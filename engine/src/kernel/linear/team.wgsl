// out[m, n] = Σ x[m, k] · weight[n, k] for few m: TEAM neighbouring threads share COLUMNS rows of weights and
// ROWS rows of x, and read sixteen bytes of weights each, side by side. team_direct.wgsl or team_staged.wgsl has the sums
// of a thread; in place, because functions over arrays of sums take more time. Snippets say
//   fn total(sums: Sums, thread: u32) -> Totals
//     the sums over LANES threads, on each those of the column that column_of names

override TEAM: u32 = 32u;
// Threads that exchange what they have at once: the team, or one of several parts of it.
override LANES: u32 = 32u;

alias Sums = array<f32, ROWS * COLUMNS>;
alias Totals = array<f32, ROWS>;

var<workgroup> partial: array<f32, 64 * ROWS * COLUMNS>;  // [threads / LANES, column, row], 4 lanes at least

// The first row of weights of a thread's team.
fn first_column(group: u32, thread: u32) -> u32 {
    return (group * (256u / TEAM) + thread / TEAM) * COLUMNS;
}

// The first row of x of a workgroup, and the row that stands for row m behind the last. With one at a time there is one.
fn first_row(z: u32) -> u32 {
    return select(z * ROWS, 0u, ROWS == 1u);
}

fn row_of(m: u32) -> u32 {
    return select(min(m, extent().x - 1u), 0u, ROWS == 1u);
}

// Which of its team's columns a thread has the sums of.
fn column_of(thread: u32) -> u32 {
    return thread % LANES / (LANES / COLUMNS);
}

fn keep(sums: Sums, row: u32, first: u32, thread: u32) {
    var all = total(sums, thread);
    let column = column_of(thread);
    if TEAM > LANES {
        let place = (thread / LANES * COLUMNS + column) * ROWS;
        if thread % (LANES / COLUMNS) == 0u {
            for (var r = 0u; r < ROWS; r++) {
                partial[place + r] = all[r];
            }
        }
        workgroupBarrier();
        for (var other = 1u; other < TEAM / LANES; other++) {
            for (var r = 0u; r < ROWS; r++) {
                all[r] += partial[place + other * COLUMNS * ROWS + r];
            }
        }
    }
    let size = extent();
    if thread % TEAM < LANES && thread % (LANES / COLUMNS) == 0u && first + column < size.y {
        for (var r = 0u; r < ROWS; r++) {
            if row + r < size.x {
                store(0u, row + r, first + column, all[r]);
            }
        }
    }
}

// out[m, n] = Σ x[m, k] · weight[n, k] for few m: TEAM neighbouring threads share COLUMNS rows of weights and
// ROWS rows of x, and read sixteen bytes of weights each, side by side. Snippets say
//   fn gather(row: u32, first: u32, thread: u32) -> Sums    what a thread finds of rows of x from `row` on, and of
//                                                           rows of weights from `first` on
//   fn total(sums: Sums, thread: u32) -> Sums               every sum, over the threads of a team

override TEAM: u32 = 32u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let size = extent();
    let first = ((group.y * groups.x + group.x) * (256u / TEAM) + thread / TEAM) * COLUMNS;
    let row = group.z * ROWS;
    let sums = total(gather(row, first, thread), thread);
    if thread % TEAM == 0u {
        for (var r = 0u; r < ROWS; r++) {
            for (var c = 0u; c < COLUMNS; c++) {
                if row + r < size.x && first + c < size.y {
                    store(0u, row + r, first + c, sums[r * COLUMNS + c]);
                }
            }
        }
    }
}

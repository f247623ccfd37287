// out[m, n] = Σ x[m, k] · weight[n, k] for few m: TEAM neighbouring threads share COLUMNS rows of weights and
// ROWS rows of x, and read sixteen bytes of weights each, side by side. What they read is in snippets:
//   fn units() -> u32                          units of weights in a row
//   fn unit(n: u32, u: u32) -> Weights         unit u of row n
//   fn input(m: u32, u: u32) -> Input          the values of row m of x that go with it
//   fn product(x: Input, w: Weights) -> f32    Σ of their products
//   fn total(sums: Sums, thread: u32) -> Sums    every sum, over the threads of a team

override TEAM: u32 = 32u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let size = extent();
    let lane = thread % TEAM;
    let first = ((group.y * groups.x + group.x) * (256u / TEAM) + thread / TEAM) * COLUMNS;
    let row = group.z * ROWS;
    var sums = Sums();
    for (var u = lane; u < units(); u += TEAM) {
        for (var r = 0u; r < ROWS; r++) {
            // At the edge the last row and column are computed more than once.
            let x = input(min(row + r, size.x - 1u), u);
            for (var c = 0u; c < COLUMNS; c++) {
                sums[r * COLUMNS + c] += product(x, unit(min(first + c, size.y - 1u), u));
            }
        }
    }
    sums = total(sums, thread);
    if lane == 0u {
        for (var r = 0u; r < ROWS; r++) {
            for (var c = 0u; c < COLUMNS; c++) {
                if row + r < size.x && first + c < size.y {
                    store(0u, row + r, first + c, sums[r * COLUMNS + c]);
                }
            }
        }
    }
}

// Every thread of a team reads x itself. What it reads is in snippets:
//   fn units() -> u32                          units of weights in a row
//   fn unit(n: u32, u: u32) -> Weights         unit u of row n
//   fn input(m: u32, u: u32) -> Input          the values of row m of x that go with it
//   fn product(x: Input, w: Weights) -> f32    Σ of their products

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let size = extent();
    let lane = thread % TEAM;
    let first = first_column(group.y * params.across + group.x, thread);
    let row = first_row(group.z);
    var sums = Sums();
    for (var u = lane; u < units(); u += TEAM) {
        for (var r = 0u; r < ROWS; r++) {
            // At the edge the last row and column are computed more than once.
            let x = input(row_of(row + r), u);
            for (var c = 0u; c < COLUMNS; c++) {
                sums[r * COLUMNS + c] += product(x, unit(min(first + c, size.y - 1u), u));
            }
        }
    }
    keep(sums, row, first, thread);
}

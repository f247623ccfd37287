// Every thread reads x itself. What it reads is in snippets:
//   fn units() -> u32                          units of weights in a row
//   fn unit(n: u32, u: u32) -> Weights         unit u of row n
//   fn input(m: u32, u: u32) -> Input          the values of row m of x that go with it
//   fn product(x: Input, w: Weights) -> f32    Σ of their products

fn gather(row: u32, first: u32, thread: u32) -> Sums {
    let size = extent();
    var sums = Sums();
    for (var u = thread % TEAM; u < units(); u += TEAM) {
        for (var r = 0u; r < ROWS; r++) {
            // At the edge the last row and column are computed more than once.
            let x = input(min(row + r, size.x - 1u), u);
            for (var c = 0u; c < COLUMNS; c++) {
                sums[r * COLUMNS + c] += product(x, unit(min(first + c, size.y - 1u), u));
            }
        }
    }
    return sums;
}

// Sums over a team through the memory of the workgroup, those of a row of x at a time; thread 0 of the team has them in
// the end.

alias Sums = array<f32, ROWS * COLUMNS>;
var<workgroup> scratch: array<f32, 256 * COLUMNS>;  // [column, thread]

fn total(sums: Sums, thread: u32) -> Sums {
    var result = sums;
    for (var r = 0u; r < ROWS; r++) {
        for (var c = 0u; c < COLUMNS; c++) {
            scratch[c * 256u + thread] = result[r * COLUMNS + c];
        }
        workgroupBarrier();
        for (var half = TEAM / 2u; half > 0u; half /= 2u) {
            if thread % TEAM < half {
                for (var c = 0u; c < COLUMNS; c++) {
                    result[r * COLUMNS + c] += scratch[c * 256u + thread + half];
                    scratch[c * 256u + thread] = result[r * COLUMNS + c];
                }
            }
            workgroupBarrier();
        }
    }
    return result;
}

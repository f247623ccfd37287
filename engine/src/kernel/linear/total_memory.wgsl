// Sums over a team through the memory of the workgroup; thread 0 of the team has them in the end.

alias Sums = array<f32, ROWS * COLUMNS>;
var<workgroup> scratch: array<f32, 256 * ROWS * COLUMNS>;  // [sum, thread]

fn total(sums: Sums, thread: u32) -> Sums {
    var result = sums;
    for (var i = 0u; i < ROWS * COLUMNS; i++) {
        scratch[i * 256u + thread] = result[i];
    }
    workgroupBarrier();
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        if thread % TEAM < half {
            for (var i = 0u; i < ROWS * COLUMNS; i++) {
                result[i] += scratch[i * 256u + thread + half];
                scratch[i * 256u + thread] = result[i];
            }
        }
        workgroupBarrier();
    }
    return result;
}

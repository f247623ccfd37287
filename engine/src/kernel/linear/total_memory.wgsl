// Sums through the memory of the workgroup, those of a row of x at a time.

var<workgroup> scratch: array<f32, 256 * COLUMNS>;  // [column, thread]

fn total(sums: Sums, thread: u32) -> Totals {
    var result = Totals();
    for (var r = 0u; r < ROWS; r++) {
        for (var c = 0u; c < COLUMNS; c++) {
            scratch[c * 256u + thread] = sums[r * COLUMNS + c];
        }
        workgroupBarrier();
        for (var half = LANES / 2u; half > 0u; half /= 2u) {
            if thread % LANES < half {
                for (var c = 0u; c < COLUMNS; c++) {
                    scratch[c * 256u + thread] += scratch[c * 256u + thread + half];
                }
            }
            workgroupBarrier();
        }
        result[r] = scratch[column_of(thread) * 256u + thread / LANES * LANES];
        workgroupBarrier();
    }
    return result;
}

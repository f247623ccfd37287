// A head times a Hadamard matrix of `turned` columns, in workgroup memory, by the threads of a workgroup. What keeps its
// length is the result times 1 / √turned.

override THREADS: u32 = 64u;
// The widest head.
var<workgroup> row: array<f32, 256>;

// Called by all threads, after a barrier; ends with one.
fn turn_row(width: u32, turned: u32, thread: u32) {
    for (var half = 1u; half < turned; half *= 2u) {
        for (var pair = thread; pair < width / 2u; pair += THREADS) {
            let a = pair / half * 2u * half + pair % half;
            let left = row[a];
            let right = row[a + half];
            row[a] = left + right;
            row[a + half] = left - right;
        }
        workgroupBarrier();
    }
}

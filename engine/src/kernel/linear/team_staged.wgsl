// x is staged for all teams: where a unit of weights has many values, neighbours would read them so far apart that
// memory serves one after the other. Weights are read as in team_direct.wgsl, x as `left`.

// Rows of x that are staged at once: as many as small workgroups have memory for.
const TOGETHER = min(ROWS, 2u);
// Vectors of a unit, and one more, so that neighbours read different banks.
const STRIDE = VECTORS + 1u;
const MOST_LANES = 32u;

var<workgroup> staged: array<vec4<f32>, TOGETHER * MOST_LANES * STRIDE>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let size = extent();
    let lane = thread % TEAM;
    let first = first_column(group.y * params.across + group.x, thread);
    let row = first_row(group.z);
    var sums = Sums();
    for (var start = 0u; start < units(); start += TEAM) {
        // Behind the last unit x is zero.
        let u = min(start + lane, units() - 1u);
        for (var r = 0u; r < ROWS; r += TOGETHER) {
            workgroupBarrier();
            for (var index = thread; index < TOGETHER * TEAM * VECTORS; index += 256u) {
                let line = index / (TEAM * VECTORS);
                let vector = index % (TEAM * VECTORS);
                let k = (start * VECTORS + vector) * 4u;
                var x = vec4<f32>();
                if k < params.inputs {
                    x = left(0u, row_of(row + r + line), k);
                }
                staged[(line * TEAM + vector / VECTORS) * STRIDE + vector % VECTORS] = x;
            }
            workgroupBarrier();
            for (var c = 0u; c < COLUMNS; c++) {
                let w = unit(min(first + c, size.y - 1u), u);
                for (var t = 0u; t < TOGETHER; t++) {
                    var sum = 0.0;
                    for (var i = 0u; i < VECTORS; i++) {
                        sum += dot(staged[(t * TEAM + lane) * STRIDE + i], w.values[i]);
                    }
                    sums[(r + t) * COLUMNS + c] += sum * w.scale;
                }
            }
        }
    }
    keep(sums, row, first, thread);
}

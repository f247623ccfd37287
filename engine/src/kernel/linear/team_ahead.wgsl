// One row of x and one of weights for a team, STEPS units of it for a thread: all of them are on their way at once, before
// the first is multiplied. What is read is in the snippets that team_direct.wgsl names.

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let lane = thread % TEAM;
    let first = first_column(group.y * params.across + group.x, thread);
    let last = units() - 1u;
    var weights = array<Weights, STEPS>();
    var inputs = array<Input, STEPS>();
    for (var s = 0u; s < STEPS; s++) {
        // At the edge the last row is multiplied more than once, and the last unit read.
        weights[s] = unit(min(first, extent().y - 1u), min(lane + s * TEAM, last));
    }
    for (var s = 0u; s < STEPS; s++) {
        inputs[s] = input(0u, min(lane + s * TEAM, last));
    }
    var sums = Sums();
    for (var s = 0u; s < STEPS; s++) {
        sums[0] += select(0.0, product(inputs[s], weights[s]), lane + s * TEAM <= last);
    }
    keep(sums, 0u, first, thread);
}

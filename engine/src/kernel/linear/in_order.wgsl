// Inputs of weights that lie in an order of their own.

@group(0) @binding(ORDER) var<storage, read> order: array<u32>;             // [inputs]

fn place(k: u32) -> u32 {
    return order[min(k, params.inputs - 1u)];
}

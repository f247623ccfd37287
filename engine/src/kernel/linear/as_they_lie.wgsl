// Inputs of weights that lie as those of x do.

fn place(k: u32) -> u32 {
    return k;
}

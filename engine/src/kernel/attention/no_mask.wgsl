// No padding.

fn padding(row: u32, column: u32) -> bool {
    return false;
}

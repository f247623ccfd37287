// The middle code is the zero point of all groups.

const ZEROS = false;

fn keep_zero(group: u32, zero: i32) {}

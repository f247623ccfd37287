// Where value i of rows [B, length, heads · width] of a pass belongs in a cache [B, heads, rows, width], below 0 if that has
// no such row. Another snippet binds `past`, the rows in front of the pass, and has the sizes among its parameters.

fn in_cache(i: u32) -> i32 {
    let column = i % params.width;
    let head = i / params.width % params.heads;
    let line = i / params.width / params.heads;
    let row = u32(past[0]) + line % params.length;
    let place = ((line / params.length * params.heads + head) * params.rows + row) * params.width + column;
    return select(-1, i32(place), row < params.rows);
}

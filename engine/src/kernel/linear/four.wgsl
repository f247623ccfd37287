// Fours of numbers that the body has one by one, at least up to `last`:
//   fn value(row: u32, k: u32) -> f32
//   fn last() -> u32                       the last of a row

fn four(row: u32, k: u32) -> vec4<f32> {
    let at = vec4<u32>(k, k + 1u, k + 2u, k + 3u);
    let known = min(at, vec4<u32>(last()));
    let found = vec4<f32>(value(row, known.x), value(row, known.y), value(row, known.z), value(row, known.w));
    return select(vec4<f32>(), found, at == known);
}

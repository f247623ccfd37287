// Packs four numbers at a time that the body has one by one:
//   fn number(row: u32, k: u32) -> f32
//   fn store(row: u32, k: u32, number: f32)     where it goes besides

// All threads of a workgroup come here together, as for pack.
fn pack_four(row: u32, index: u32, width: u32, exists: bool, thread: u32) {
    let k = 4u * index;
    var numbers = vec4<f32>();
    for (var c = 0u; c < 4u; c++) {
        numbers[c] = select(0.0, number(row, min(k + c, width - 1u)), k + c < width);
    }
    for (var c = 0u; c < 4u; c++) {
        if exists && k + c < width {
            store(row, k + c, numbers[c]);
        }
    }
    pack(row * fours(width) + index, numbers, exists, thread);
}

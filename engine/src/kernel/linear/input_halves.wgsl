// x as 16-bit floats, which halve.wgsl made: rows of whole blocks of 32.

const WEIGHT = 4;
@group(0) @binding(0) var<storage, read> x: array<vec2<u32>>;  // [rows, blocks, 8]

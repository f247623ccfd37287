// There is no third layer.

fn store_third(n: u32, sum: f32) {}

fn third_pair(at: u32) -> u32 {
    return 0u;
}

fn third_words(at: u32) -> vec4<u32> {
    return vec4<u32>();
}

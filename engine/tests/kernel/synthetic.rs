//! Values made on the GPU are those made on the CPU, bit by bit.

use std::rc::Rc;

use matrix_engine::{
    device::{
        Category, Device, Space,
        gpu::{Capability, Gpu},
    },
    load::synthetic::{Distribution, Synthetic},
    weights::synthesis::Synthesis,
};

#[test]
fn values_of_a_seed_are_the_same_everywhere() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
    // Pieces of 1280 values, so that some buffers take two.
    let capability = Capability { binding_limit: 6000, ..gpu.capability() };
    let gpu = Rc::new(gpu.pretending(capability));
    let space = Space::new(Device::Gpu(gpu.clone()));
    let synthetic = Synthetic::new(0x1234_5678_9abc_def0);
    let synthesis = Synthesis::new(&gpu, &space).expect("parameters");
    // Across the limit of 32 bits, too.
    for (first, count) in [(0_u64, 1_usize), (3, 255), (1 << 20, 1300), ((1 << 32) - 700, 1400)] {
        let bytes = count as u64 * 4;
        let values = space.create(Category::Activations, bytes).expect("values");
        let staging = space.create(Category::Staging, bytes).expect("staging");
        synthesis.fill(synthetic.bell("layer.weight", 0.02), first, &values).expect("filled");
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let (from, to) = (values.raw().expect("on the GPU"), staging.raw().expect("on the GPU"));
        encoder.copy_buffer_to_buffer(from, 0, to, 0, bytes);
        gpu.submit(encoder.finish());
        let got = pollster::block_on(gpu.read(to)).expect("read");
        let mut want = vec![0.0; count];
        synthetic.fill("layer.weight", Distribution::Bell(0.02), first, &mut want);
        assert_eq!(got, want.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), "from {first}");
    }
}

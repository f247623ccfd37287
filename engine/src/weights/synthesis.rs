//! Synthetic values made on the GPU, where they stay: nothing of them passes through the CPU.

use std::rc::Rc;

use crate::{
    device::{Buffer, Category, Space, gpu::Gpu},
    error::Result,
    kernel::shader::Kernel,
    load::synthetic::Seeded,
};

/// Threads of a workgroup, as the shader has them.
const THREADS: u32 = 256;
/// Values of one dispatch: 64 MiB, whose start suits every GPU's alignment.
const PIECE: u64 = 16 << 20;

/// Fills buffers on a GPU.
pub struct Synthesis {
    gpu: Rc<Gpu>,
    params: Buffer,
}

impl Synthesis {
    /// Ready to fill buffers of `space`.
    pub fn new(gpu: &Rc<Gpu>, space: &Space) -> Result<Self> {
        Ok(Self { gpu: gpu.clone(), params: space.create(Category::Parameters, 32)? })
    }

    /// Fills `buffer` with elements of a tensor from `first` on.
    #[expect(clippy::cast_possible_truncation, reason = "halves of an index, and counts below PIECE")]
    pub fn fill(&self, seeded: Seeded, first: u64, buffer: &Buffer) -> Result<()> {
        let count = buffer.bytes() / 4;
        let pipeline = self.gpu.pipeline(Kernel::Synthetic);
        let piece = PIECE.min(self.gpu.capability().binding_limit / 1024 * u64::from(THREADS)).max(u64::from(THREADS));
        let mut start = 0;
        while start < count {
            let length = piece.min(count - start);
            let index = first + start;
            let words = [seeded.key, index as u32, (index >> 32) as u32, length as u32, seeded.scale.to_bits()];
            // A write comes before what is submitted after it, so one block of parameters serves all.
            self.params.write(0, bytemuck::cast_slice(&words))?;
            let size = std::num::NonZeroU64::new(length * 4);
            let part = wgpu::BufferBinding { buffer: buffer.raw()?, offset: start * 4, size };
            let group = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(part) },
                    wgpu::BindGroupEntry { binding: 1, resource: self.params.raw()?.as_entire_binding() },
                ],
            });
            let mut encoder = self.gpu.encoder();
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, &group, &[]);
                let groups = (length as u32).div_ceil(THREADS);
                let rows = groups.div_ceil(u32::from(u16::MAX));
                pass.dispatch_workgroups(groups.div_ceil(rows), rows, 1);
            }
            self.gpu.submit(encoder.finish());
            start += length;
        }
        Ok(())
    }
}

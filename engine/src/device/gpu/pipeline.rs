//! A kernel compiled for a device.

use crate::kernel::shader::{Access, Kernel};

/// A compute pipeline and the layout of its bindings.
pub struct Pipeline {
    /// The pipeline.
    pub pipeline: wgpu::ComputePipeline,
    /// Its only bind group's layout.
    pub layout: wgpu::BindGroupLayout,
}

impl Pipeline {
    /// Compiles a kernel. What the compiler has to say comes out at the next wait.
    #[must_use]
    pub fn new(device: &wgpu::Device, kernel: Kernel) -> Self {
        let entries: Vec<_> = (0..).zip(kernel.bindings()).map(|(binding, access)| entry(binding, access)).collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let label = format!("{kernel:?}");
        let module = Self::module(device, kernel);
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&label),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &kernel.constants(),
                ..Default::default()
            },
            cache: None,
        });
        Self { pipeline, layout }
    }

    /// A kernel, read and checked but not compiled.
    pub(super) fn module(device: &wgpu::Device, kernel: Kernel) -> wgpu::ShaderModule {
        device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(&format!("{kernel:?}")),
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        })
    }
}

fn entry(binding: u32, access: Access) -> wgpu::BindGroupLayoutEntry {
    let ty = match access {
        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
        Access::Uniform => wgpu::BufferBindingType::Uniform,
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}

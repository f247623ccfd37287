//! Floats become integers on the GPU: pieces are uploaded as they lie in files, or made there, and only their
//! codes stay. No matrix is ever there as a whole in its floats.

use std::{num::NonZeroU64, rc::Rc};

use super::{Weight, integer::Layout};
use crate::{
    device::{Buffer, Category, Space, gpu::Gpu},
    error::{Error, Result},
    kernel::{
        gpu::{groups, words},
        shader::Kernel,
    },
    load::Dtype,
    protocol::Calibration,
};

/// Threads of a workgroup, as the shader has them.
const THREADS: usize = 64;
/// Bytes from which a binding may start, on every GPU.
const ALIGNMENT: u64 = 256;

/// Quantizes rows on a GPU.
pub struct Quantizer {
    gpu: Rc<Gpu>,
    /// Where rows are put before they are quantized.
    pub upload: Buffer,
    /// How much columns matter, where some do more than others.
    importance: Option<Buffer>,
    trouble: Buffer,
    staging: Buffer,
    params: Buffer,
}

/// Rows of a weight that lie in the upload buffer.
pub struct Piece<'a> {
    /// What they are.
    pub source: Dtype,
    /// The first of them.
    pub first: usize,
    /// How many.
    pub rows: usize,
    /// Which weight they are of.
    pub tensor: usize,
    /// How much every column matters, where that is known.
    pub importance: Option<&'a [f32]>,
}

impl Quantizer {
    /// Ready for pieces of up to `bytes` bytes, and for columns of known importance if there are up to `weighed` of them.
    pub fn new(gpu: &Rc<Gpu>, space: &Space, bytes: u64, weighed: usize) -> Result<Self> {
        let importance = || space.create(Category::Upload, 4 * weighed as u64);
        Ok(Self {
            gpu: gpu.clone(),
            upload: space.create(Category::Upload, bytes)?,
            importance: (weighed > 0).then(importance).transpose()?,
            trouble: space.create(Category::Upload, 4)?,
            staging: space.create(Category::Staging, 4)?,
            params: space.create(Category::Parameters, 32)?,
        })
    }

    /// Whether rows of this source can be brought here, and the parts of the weight bound.
    #[must_use]
    pub fn suits(&self, layout: Layout, source: Dtype) -> bool {
        let whole_words = (layout.columns * source.size()).is_multiple_of(4);
        let fits = (layout.columns * source.size()) as u64 <= self.upload.bytes();
        whole_words
            && fits
            && 4 * layout.scale_words().max(layout.zero_words()) as u64 <= self.gpu.capability().binding_limit
    }

    /// Quantizes a piece into its weight, whose scales and zero points must not have been written before.
    pub fn run(&self, weight: &Weight, calibration: Calibration, piece: &Piece<'_>) -> Result<()> {
        let Weight::Integer { layout, codes, scales, zeros, .. } = weight else {
            return Err(Error::internal("only integer weights are quantized"));
        };
        let row_bytes = 4 * layout.row_words() as u64;
        let start = piece.first as u64 * row_bytes / ALIGNMENT * ALIGNMENT;
        let end = (piece.first + piece.rows) as u64 * row_bytes;
        let base = usize::try_from((piece.first as u64 * row_bytes - start) / 4).unwrap_or(usize::MAX);
        let count = piece.rows * layout.groups();
        let params = words(&[
            count,
            piece.first * layout.groups(),
            layout.columns,
            layout.row_words(),
            layout.groups(),
            layout.group,
            base,
            piece.tensor + 1,
        ])?;
        self.params.write(0, bytemuck::cast_slice(&params))?;
        let calibration = match (calibration, piece.importance, &self.importance) {
            (Calibration::Activations, Some(all), Some(buffer)) => {
                buffer.write(0, bytemuck::cast_slice(all))?;
                calibration
            }
            // Where nothing is known, everything matters alike.
            (Calibration::Activations, ..) => Calibration::Mse,
            _ => calibration,
        };
        let kernel = Kernel::Quantize { bits: layout.bits, zeros: layout.zeros, calibration, source: piece.source };
        let pipeline = self.gpu.pipeline(kernel);
        let codes = wgpu::BufferBinding { buffer: codes.raw()?, offset: start, size: NonZeroU64::new(end - start) };
        let mut resources = vec![
            self.upload.raw()?.as_entire_binding(),
            wgpu::BindingResource::Buffer(codes),
            scales.raw()?.as_entire_binding(),
            self.trouble.raw()?.as_entire_binding(),
            self.params.raw()?.as_entire_binding(),
            // What no shader reads is bound all the same.
            self.importance.as_ref().unwrap_or(&self.upload).raw()?.as_entire_binding(),
        ];
        if let Some(zeros) = zeros {
            resources.push(zeros.raw()?.as_entire_binding());
        }
        let entries: Vec<_> =
            (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout: &pipeline.layout, entries: &entries };
        let group = self.gpu.device().create_bind_group(&descriptor);
        let mut encoder = self.gpu.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            let [x, y, z] = groups(count.div_ceil(THREADS))?;
            pass.dispatch_workgroups(x, y, z);
        }
        self.gpu.submit(encoder.finish());
        Ok(())
    }

    /// Waits for all pieces; a weight with a value that is not finite, if there was one.
    pub async fn finish(&self) -> Result<Option<usize>> {
        let mut encoder = self.gpu.encoder();
        encoder.copy_buffer_to_buffer(self.trouble.raw()?, 0, self.staging.raw()?, 0, 4);
        self.gpu.submit(encoder.finish());
        let words = self.gpu.read(self.staging.raw()?).await?;
        Ok(words.first().and_then(|&word| (word as usize).checked_sub(1)))
    }
}

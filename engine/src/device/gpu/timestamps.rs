//! The GPU's own clock: when a pass began and when it ended.

use super::Gpu;
use crate::{
    device::{Buffer, Category, Space},
    error::Result,
};

/// Two marks in time and the way back for them.
pub struct Timestamps {
    queries: wgpu::QuerySet,
    marks: Buffer,
    staging: Buffer,
    ns_per_tick: f32,
}

impl Gpu {
    /// Marks for one pass; nothing where the GPU has no clock.
    pub fn timestamps(&self, space: &Space) -> Result<Option<Timestamps>> {
        if !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let descriptor = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 };
        Ok(Some(Timestamps {
            queries: self.device.create_query_set(&descriptor),
            marks: space.create(Category::Activations, 16)?,
            staging: space.create(Category::Staging, 16)?,
            ns_per_tick: self.queue.get_timestamp_period(),
        }))
    }
}

impl Timestamps {
    /// What a pass has to be told.
    #[must_use]
    pub fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Brings the marks back after the pass.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        encoder.resolve_query_set(&self.queries, 0..2, self.marks.raw()?, 0);
        encoder.copy_buffer_to_buffer(self.marks.raw()?, 0, self.staging.raw()?, 0, 16);
        Ok(())
    }

    /// Milliseconds between the marks, once the pass is done.
    #[expect(clippy::cast_precision_loss, reason = "a difference of nanoseconds")]
    pub async fn read_ms(&self, gpu: &Gpu) -> Result<f64> {
        let words = gpu.read(self.staging.raw()?).await?;
        let mark = |low: usize| u64::from(words[low]) | u64::from(words[low + 1]) << 32;
        Ok(mark(2).saturating_sub(mark(0)) as f64 * f64::from(self.ns_per_tick) / 1e6)
    }
}

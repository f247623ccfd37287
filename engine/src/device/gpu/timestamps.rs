//! The GPU's own clock: when passes began and when they ended.

use super::Gpu;
use crate::{
    device::{Buffer, Category, Space},
    error::Result,
};

/// Two marks in time for each of some passes, and the way back for them.
pub struct Timestamps {
    queries: wgpu::QuerySet,
    marks: Buffer,
    staging: Buffer,
    ns_per_tick: f32,
}

/// A mark has 64 bits.
const PASS_BYTES: u64 = 16;

impl Gpu {
    /// Marks for so many passes; nothing where the GPU has no clock.
    pub fn timestamps(&self, space: &Space, passes: u32) -> Result<Option<Timestamps>> {
        if !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let descriptor = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 * passes };
        let bytes = PASS_BYTES * u64::from(passes);
        Ok(Some(Timestamps {
            queries: self.device.create_query_set(&descriptor),
            marks: space.create(Category::Activations, bytes)?,
            staging: space.create(Category::Staging, bytes)?,
            ns_per_tick: self.queue.get_timestamp_period(),
        }))
    }
}

impl Timestamps {
    /// What a pass has to be told.
    #[must_use]
    pub fn writes(&self, pass: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * pass),
            end_of_pass_write_index: Some(2 * pass + 1),
        }
    }

    /// Brings the marks of the first `passes` back, behind them.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder, passes: u32) -> Result<()> {
        encoder.resolve_query_set(&self.queries, 0..2 * passes, self.marks.raw()?, 0);
        let bytes = PASS_BYTES * u64::from(passes);
        encoder.copy_buffer_to_buffer(self.marks.raw()?, 0, self.staging.raw()?, 0, bytes);
        Ok(())
    }

    /// Milliseconds between the marks of every pass, once all are done.
    #[expect(clippy::cast_precision_loss, reason = "a difference of nanoseconds")]
    pub async fn read_ms(&self, gpu: &Gpu) -> Result<Vec<f64>> {
        let words = gpu.read(self.staging.raw()?).await?;
        let mark = |words: &[u32]| u64::from(words[0]) | u64::from(words[1]) << 32;
        let ms = |pass: &[u32]| mark(&pass[2..]).saturating_sub(mark(pass)) as f64 * f64::from(self.ns_per_tick) / 1e6;
        Ok(words.chunks_exact(4).map(ms).collect())
    }
}

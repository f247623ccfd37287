//! How long a GPU's answer takes to arrive when there is nothing to compute, and whether other tasks of the page get
//! their turn while there is.

use std::rc::Rc;

use crate::{
    clock,
    device::{Category, Device, Space, gpu::Gpu},
    error::Result,
    kernel::{
        gpu::{Dispatch, whole},
        shader::Kernel,
    },
    program::gpu::Recording,
    protocol::Measure,
};

/// Bytes that one dispatch copies.
const COPIED: u64 = 16 << 20;
/// Milliseconds of work behind which a wait has to be long.
const LONG_MS: f64 = 120.0;
/// Dispatches of one pass at most.
const MOST: f64 = 20_000.0;

/// Times of waits, for about as long as asked: `submit_wait` for work that is done, `read_wait` for four bytes, and
/// `long_wait` for work of a while, with `longest_gap` between two tasks meanwhile, where there are tasks.
pub async fn run(gpu: &Rc<Gpu>, budget_ms: f64) -> Result<Vec<Measure>> {
    let space = Space::new(Device::Gpu(gpu.clone()));
    let word = space.create(Category::Staging, 4)?;
    let mut measures = Vec::new();
    // The first of each wakes what sleeps.
    gpu.finish().await?;
    gpu.read(word.raw()?).await?;
    let begun = clock::now();
    while measures.is_empty() || clock::now() - begun < budget_ms {
        let started = clock::now();
        gpu.finish().await?;
        let submitted = clock::now();
        gpu.read(word.raw()?).await?;
        measures.push(Measure::ms("submit_wait", submitted - started));
        measures.push(Measure::ms("read_wait", clock::now() - submitted));
    }
    let buffer = || space.create(Category::Activations, COPIED);
    let (from, to) = (buffer()?, buffer()?);
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    let count = (COPIED / 16) as u32;
    let grid = [(count / 256).min(16_384), 1, 1];
    let copy = Dispatch { kernel: Kernel::Copy, buffers: whole([&from, &to]), params: vec![count], grid };
    let recording = Recording::new(&[copy], &space, gpu)?;
    work(gpu, &recording, 1).await?;
    let ms = work(gpu, &recording, 4).await? / 4.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a few thousand")]
    let repeats = (LONG_MS / ms.max(1e-3)).ceil().clamp(1.0, MOST) as u32;
    let pulse = Pulse::start();
    measures.push(Measure::ms("long_wait", work(gpu, &recording, repeats).await?));
    measures.extend(pulse.stop().map(|gap| Measure::ms("longest_gap", gap)));
    Ok(measures)
}

/// Milliseconds until so many copies are done.
async fn work(gpu: &Gpu, recording: &Recording, repeats: u32) -> Result<f64> {
    let mut encoder = gpu.encoder();
    recording.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), repeats);
    let started = clock::now();
    gpu.submit(encoder.finish());
    gpu.finish().await?;
    Ok(clock::now() - started)
}

/// A task that asks for its next turn again and again.
#[cfg(target_arch = "wasm32")]
struct Pulse(Rc<std::cell::Cell<Beats>>);

/// When a turn was had last, and the longest time without one.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
struct Beats {
    last: f64,
    longest: f64,
    stopped: bool,
}

#[cfg(target_arch = "wasm32")]
impl Pulse {
    fn start() -> Self {
        let beats = Rc::new(std::cell::Cell::new(Beats { last: clock::now(), longest: 0.0, stopped: false }));
        let task = beats.clone();
        wasm_bindgen_futures::spawn_local(async move {
            while !task.get().stopped && crate::device::gpu::timeout().await.is_ok() {
                let Beats { last, longest, stopped } = task.get();
                let now = clock::now();
                task.set(Beats { last: now, longest: longest.max(now - last), stopped });
            }
        });
        Self(beats)
    }

    /// The longest time without a turn.
    fn stop(self) -> Option<f64> {
        let beats = self.0.get();
        self.0.set(Beats { stopped: true, ..beats });
        Some(beats.longest.max(clock::now() - beats.last))
    }
}

/// A native host waits where it is.
#[cfg(not(target_arch = "wasm32"))]
struct Pulse;

#[cfg(not(target_arch = "wasm32"))]
impl Pulse {
    fn start() -> Self {
        Self
    }

    fn stop(self) -> Option<f64> {
        None
    }
}

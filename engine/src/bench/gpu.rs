//! On a GPU: many dispatches in one pass, timed by the GPU itself where it can, else by the wall clock.

use std::rc::Rc;

use super::{
    attention::{self, Chain},
    cpu::clock_step,
    normalised_error, stock,
};
use crate::{
    clock,
    device::{
        Buffer, Category, Device, Space,
        gpu::{Capability, Gpu},
    },
    error::{Error, Result},
    graph::Op,
    kernel::{
        gpu::{Dispatch, FEW_ROWS, Memory, Operand, dispatch, whole},
        linear::gpu::{MANY_COLUMNS, Packed, packed_bytes},
        shader::Kernel,
    },
    program::{
        Program,
        gpu::{Recording, shared},
    },
    protocol::{Activations, Bench, BenchForm, BenchWork},
    weights::{Format, Weight},
};

/// Bytes that all sets of weights have together at least: more than the caches of a large GPU, or of the CPU
/// that stands in for one.
const ROTATED: u64 = 512 << 20;
const ROTATED_SOFTWARE: u64 = 32 << 20;
/// Sets at most.
const SETS: u64 = 64;
const SETS_SOFTWARE: u64 = 8;
/// Runs that are timed.
const RUNS: usize = 9;
/// Milliseconds that an idle GPU needs to be at its full clock.
const WAKE_MS: f64 = 300.0;
/// Steps of the clock in a run at least. Browsers round times of the GPU to 0.1 ms.
const STEPS: f64 = 100.0;
const GPU_STEP_MS: f64 = 0.1;
/// Dispatches of one pass at most.
const MOST: f64 = 20_000.0;

pub async fn run(gpu: &Rc<Gpu>, work: BenchWork, budget_ms: f64) -> Result<Bench> {
    let space = Space::new(Device::Gpu(gpu.clone()));
    match work {
        BenchWork::Copy { bytes } => {
            let count = u32::try_from(bytes / 16).unwrap_or(u32::MAX);
            let buffer = || space.create(Category::Activations, u64::from(count) * 16);
            let (from, to) = (buffer()?, buffer()?);
            let buffers = whole([&from, &to]);
            let copy = Dispatch {
                kernel: Kernel::Copy,
                buffers,
                params: vec![count],
                grid: [count.div_ceil(256).clamp(1, 16_384), 1, 1],
            };
            let recording = Recording::new(&[copy], &space, gpu)?;
            let (samples_us, clock) = time(gpu, &space, &recording, 1, budget_ms).await?;
            let bytes = 32 * u64::from(count);
            Ok(Bench { kernels: vec!["Copy".into()], samples_us, clock, bytes, normalised_error: 0.0 })
        }
        BenchWork::Attention(work) => {
            // A device of its own, which can do no more than `form` says.
            let gpu = Rc::new(Gpu::open().await?.pretending(chosen(gpu.capability(), work.form)));
            let space = Space::new(Device::Gpu(gpu.clone()));
            let normalised_error = attention::check(&space, work).await?;
            let bytes = attention::bytes(work);
            let all = if gpu.capability().software { ROTATED_SOFTWARE } else { ROTATED };
            // Work on a whole prompt takes long, whatever a cache holds.
            let most = if work.queries > 1 { 2 } else { SETS };
            let sets = usize::try_from(all.div_ceil(bytes).clamp(2, most)).unwrap_or(2);
            let chain = Chain::new(&space, work, sets).await?;
            let Program::Gpu(program) = &chain.program else { return Err(Error::internal("a GPU has GPU programs")) };
            program.submit(&chain.inputs)?;
            let recording = program.recording()?;
            // One of them; the last dispatch makes the row that is looked at.
            let kernels = (0..(recording.len() - 1) / sets).map(|index| recording.kernel(index)).collect();
            let (samples_us, clock) = time(&gpu, &space, recording, sets, budget_ms).await?;
            Ok(Bench { kernels, samples_us, clock, bytes, normalised_error })
        }
        BenchWork::Linear { rows, outputs, inputs, weights, form } => {
            let [rows, outputs, inputs] = [rows, outputs, inputs].map(|n| n as usize);
            let capability = chosen(gpu.capability(), form);
            let format = stock::format(weights, form.activations);
            let layers = form.layers() as usize;
            let bytes = layers as u64 * format.bytes(&[outputs, inputs]);
            if form.matrices && !capability.matrices {
                return Err(Error::unsupported("no matrix units that kernels could use on this GPU")
                    .hint("Chrome has them behind --enable-unsafe-webgpu"));
            }
            let mut normalised_error = 0.0_f64;
            let awkward = [[rows - rows / 5, 203, 1164], [rows - rows / 7, 77, 333]];
            // Where many outputs are computed otherwise.
            let many = (rows <= FEW_ROWS && outputs > MANY_COLUMNS).then_some([rows, MANY_COLUMNS + 3, 333]);
            for shape in [[rows, outputs.min(512), inputs]].into_iter().chain(awkward).chain(many) {
                let error = check(gpu, &space, shape, format, layers, capability).await?;
                // Not a number is the largest error.
                normalised_error = if error > normalised_error || error.is_nan() { error } else { normalised_error };
            }
            let software = gpu.capability().software;
            let (all, most) = if software { (ROTATED_SOFTWARE, SETS_SOFTWARE) } else { (ROTATED, SETS) };
            let mut sets = Vec::new();
            let pieces = usize::try_from(all.div_ceil(bytes).clamp(2, most)).unwrap_or(2);
            for _ in 0..layers * pieces {
                sets.push(stock::likeness(&space, format, [outputs, inputs])?);
                // What is only written waits in memory.
                space.finish().await?;
            }
            let work = Work::new(&space, [rows, outputs, inputs], &sets, layers, capability)?;
            let steps = work.dispatches(&sets, capability)?;
            let steps = if form.shared { shared(steps, capability)? } else { steps };
            // Those of the last piece: what all share lies in front of the first.
            let last = &steps[steps.len() - steps.len() / pieces..];
            let kernels = last.iter().map(|step| format!("{:?}", step.kernel)).collect();
            let recording = Recording::new(&steps, &space, gpu)?;
            let (samples_us, clock) = time(gpu, &space, &recording, pieces, budget_ms).await?;
            Ok(Bench { kernels, samples_us, clock, bytes, normalised_error })
        }
    }
}

/// The GPU as if it could do no more than `form` says.
fn chosen(capability: Capability, form: BenchForm) -> Capability {
    Capability {
        software: capability.software && !form.hardware,
        packed_dot: capability.packed_dot && form.activations == Activations::Int8,
        matrices: capability.matrices && form.matrices,
        subgroup: if form.subgroups { capability.subgroup } else { 0 },
        ..capability
    }
}

/// Input, outputs of layers, and what lies between them.
struct Work {
    x: Buffer,
    outs: Vec<Buffer>,
    packed: Option<Packed>,
    /// Of x and of the weight.
    shapes: [[usize; 2]; 2],
}

impl Work {
    /// For `layers` layers that are computed after each other, all of one shape and format.
    fn new(
        space: &Space,
        shape: [usize; 3],
        weights: &[Weight],
        layers: usize,
        capability: Capability,
    ) -> Result<Self> {
        let [rows, outputs, inputs] = shape;
        let create = |values: usize| space.create(Category::Activations, values as u64 * 4);
        let x = create(rows * inputs)?;
        x.write(0, bytemuck::cast_slice(&stock::bell("x", rows * inputs)))?;
        let outs = (0..layers).map(|_| create(rows * outputs)).collect::<Result<_>>()?;
        let shapes = [[rows, inputs], [outputs, inputs]];
        let mut work = Self { x, outs, packed: None, shapes };
        let op = Op::Linear { activation: None };
        let needed = weights.first().and_then(|weight| packed_bytes(op, &work.operands(weight), capability));
        if let Some([codes, factors]) = needed {
            work.packed = Some(Packed {
                codes: space.create(Category::Activations, codes)?,
                factors: space.create(Category::Activations, factors.max(8))?,
            });
        }
        Ok(work)
    }

    fn operands<'a>(&'a self, weight: &'a Weight) -> [Operand<'a>; 2] {
        [
            Operand { shape: &self.shapes[0], memory: Memory::Buffer(&self.x) },
            Operand { shape: &self.shapes[1], memory: Memory::Weight(weight) },
        ]
    }

    /// Those of every set of weights, one after another.
    fn dispatches<'a>(&'a self, weights: &'a [Weight], capability: Capability) -> Result<Vec<Dispatch<'a>>> {
        let mut steps = Vec::new();
        for (weight, out) in weights.iter().zip(self.outs.iter().cycle()) {
            let [x, weight] = self.operands(weight);
            let op = Op::Linear { activation: None };
            steps.extend(dispatch(op, &[x, weight], out, self.packed.as_ref(), capability)?);
        }
        Ok(steps)
    }
}

/// Error of the products with small real matrices against the reference.
async fn check(
    gpu: &Rc<Gpu>,
    space: &Space,
    shape: [usize; 3],
    format: Format,
    layers: usize,
    capability: Capability,
) -> Result<f64> {
    let [rows, outputs, inputs] = shape;
    let weights = |space: &Space| {
        let real = |layer| stock::real(space, &format!("weight {layer}"), format, [outputs, inputs]);
        (0..layers).map(real).collect::<Result<Vec<_>>>()
    };
    let there = weights(space)?;
    let work = Work::new(space, shape, &there, layers, capability)?;
    let steps = shared(work.dispatches(&there, capability)?, capability)?;
    let recording = Recording::new(&steps, space, gpu)?;
    let bytes = work.outs[0].bytes();
    let staging = space.create(Category::Staging, bytes * layers as u64)?;
    let mut encoder = gpu.encoder();
    recording.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), 1);
    for (out, place) in work.outs.iter().zip((0..).step_by(usize::try_from(bytes).unwrap_or(usize::MAX))) {
        encoder.copy_buffer_to_buffer(out.raw()?, 0, staging.raw()?, place, bytes);
    }
    gpu.submit(encoder.finish());
    let got: Vec<f32> = bytemuck::cast_vec(gpu.read(staging.raw()?).await?);
    let x = stock::bell("x", rows * inputs);
    let mut want = vec![0.0; layers * rows * outputs];
    for (weight, want) in weights(&Space::new(Device::Cpu))?.iter().zip(want.chunks_exact_mut(rows * outputs)) {
        super::cpu::plain(&x, shape, weight, want)?;
    }
    Ok(normalised_error(&got, &want))
}

/// Microseconds of one piece of work, several times, and the clock they are from. `pieces` of it are recorded.
async fn time(
    gpu: &Gpu,
    space: &Space,
    recording: &Recording,
    pieces: usize,
    budget_ms: f64,
) -> Result<(Vec<f64>, String)> {
    let queries = gpu.timestamps(space, 1)?;
    let which = if queries.is_some() { "gpu" } else { "wall" };
    let step = if queries.is_some() { GPU_STEP_MS } else { clock_step() };
    // The first run compiles and fills the caches of the driver; hardware that was idle takes a while to clock up.
    let wake = if gpu.capability().software { 0.0 } else { WAKE_MS };
    let (started, mut runs, mut repeats) = (clock::now(), 0, 1);
    while runs < 3 || clock::now() - started < wake {
        runs += 1;
        let ms = pass(gpu, recording, repeats, queries.as_ref()).await?.max(step);
        let wanted = (STEPS * step).max(budget_ms / 12.0);
        let most = (MOST / recording.len() as f64).max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a few thousand")]
        let more = (f64::from(repeats) * wanted / ms).ceil().clamp(1.0, most) as u32;
        repeats = more;
    }
    let mut samples = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let ms = pass(gpu, recording, repeats, queries.as_ref()).await?;
        samples.push(ms * 1000.0 / (f64::from(repeats) * pieces as f64));
    }
    if samples.iter().any(|sample| !sample.is_finite()) {
        return Err(Error::device("the GPU's clock gave no time"));
    }
    Ok((samples, which.into()))
}

/// Milliseconds of one pass with the recording `repeats` times.
async fn pass(
    gpu: &Gpu,
    recording: &Recording,
    repeats: u32,
    queries: Option<&crate::device::gpu::Timestamps>,
) -> Result<f64> {
    let mut encoder = gpu.encoder();
    let writes = queries.map(|queries| queries.writes(0));
    {
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: writes };
        recording.record(&mut encoder.begin_compute_pass(&descriptor), repeats);
    }
    if let Some(queries) = queries {
        queries.resolve(&mut encoder, 1)?;
    }
    let started = clock::now();
    gpu.submit(encoder.finish());
    match queries {
        Some(queries) => Ok(queries.read_ms(gpu).await?[0]),
        None => {
            gpu.finish().await?;
            Ok(clock::now() - started)
        }
    }
}

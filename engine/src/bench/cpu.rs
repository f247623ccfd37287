//! On the CPU: wall time of the fast form.

use super::{
    attention::{self, Chain},
    normalised_error, stock,
};
use crate::{
    clock,
    device::{Device, Space},
    error::{Error, Result},
    graph::Op,
    kernel::{self, Operand},
    program::Program,
    protocol::{Bench, BenchWork},
    weights::{Weight, integer::Matrix},
};

/// Bytes that all sets of weights have together at least: more than a cache.
const ROTATED: u64 = 96 << 20;
/// Runs that are timed, each as long as this many steps of the clock or more.
const RUNS: usize = 9;
const STEPS: f64 = 100.0;

pub async fn run(work: BenchWork, budget_ms: f64) -> Result<Bench> {
    let mut once: Box<dyn FnMut(usize) -> Result<()>>;
    let (bytes, error);
    match work {
        BenchWork::Copy { bytes: count } => {
            let from = vec![1_u32; usize::try_from(count / 4).unwrap_or(usize::MAX)];
            let mut to = vec![0_u32; from.len()];
            (bytes, error) = (2 * from.len() as u64 * 4, 0.0);
            once = Box::new(move |_| {
                to.copy_from_slice(&from);
                std::hint::black_box(&mut to);
                Ok(())
            });
        }
        BenchWork::Attention(work) => {
            let space = Space::new(Device::Cpu);
            error = attention::check(&space, work).await?;
            bytes = attention::bytes(work);
            let chain = Chain::new(&space, work, 1).await?;
            let Program::Cpu(program) = chain.program else { return Err(Error::internal("a CPU has CPU programs")) };
            once = Box::new(move |_| program.run(&[], &chain.inputs).map(drop));
        }
        BenchWork::Linear { rows, outputs, inputs, weights, form } => {
            let [rows, outputs, inputs] = [rows, outputs, inputs].map(|n| n as usize);
            let format = stock::format(weights, form.activations);
            bytes = format.bytes(&[outputs, inputs]);
            let space = Space::new(Device::Cpu);
            let x = stock::bell("x", rows * inputs);
            let few = outputs.min(64);
            let checked = stock::real(&space, "weight", format, [few, inputs])?;
            let (mut got, mut want) = (vec![0.0; rows * few], vec![0.0; rows * few]);
            multiply(&x, [rows, few, inputs], &checked, &mut got, kernel::cpu::run)?;
            multiply(&x, [rows, few, inputs], &checked, &mut want, kernel::reference::run)?;
            error = normalised_error(&got, &want);
            let sets = ROTATED.div_ceil(bytes).clamp(2, 64);
            let sets = (0..sets).map(|_| stock::likeness(&space, format, [outputs, inputs]));
            let sets = sets.collect::<Result<Vec<_>>>()?;
            let mut out = vec![0.0; rows * outputs];
            once = Box::new(move |i| {
                multiply(&x, [rows, outputs, inputs], &sets[i % sets.len()], &mut out, kernel::cpu::run)
            });
        }
    }
    times(&mut once, bytes, error, budget_ms)
}

/// Runs a piece of work again and again.
fn times(once: &mut dyn FnMut(usize) -> Result<()>, bytes: u64, error: f64, budget_ms: f64) -> Result<Bench> {
    let mut time = |repeats: usize| -> Result<f64> {
        let started = clock::now();
        for i in 0..repeats {
            once(i)?;
        }
        Ok(clock::now() - started)
    };
    let step = clock_step();
    let first = time(1)?.max(step);
    let repeats = ((STEPS * step).max(budget_ms / 12.0) / first).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let count = repeats as usize;
    let mut samples = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        samples.push(time(count)? * 1000.0 / repeats);
    }
    Ok(Bench { kernels: vec!["cpu".into()], samples_us: samples, clock: "wall".into(), bytes, normalised_error: error })
}

/// The product by the plain reference.
#[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "only what a GPU computes is checked from outside"))]
pub fn plain(x: &[f32], shape: [usize; 3], weight: &Weight, out: &mut [f32]) -> Result<()> {
    multiply(x, shape, weight, out, kernel::reference::run)
}

type Form = fn(Op, &[Operand<'_>], &mut [f32]) -> Result<()>;

fn multiply(
    x: &[f32],
    [rows, outputs, inputs]: [usize; 3],
    weight: &Weight,
    out: &mut [f32],
    form: Form,
) -> Result<()> {
    let shape = [outputs, inputs];
    let x_shape = [rows, inputs];
    let x = Operand::words(&x_shape, bytemuck::cast_slice(x));
    let op = Op::Linear { activation: None };
    match weight {
        Weight::F32(values) => form(op, &[x, Operand::words(&shape, &values.words()?)], out),
        Weight::F16 { layout, halves } => form(op, &[x, Operand::half(&shape, *layout, &halves.words()?)], out),
        Weight::Integer { layout, codes, scales, zeros, .. } => {
            let zeros = zeros.as_ref().map(crate::device::Buffer::words).transpose()?;
            let (codes, scales, zeros) = (codes.words()?, scales.words()?, zeros.as_deref().unwrap_or_default());
            let matrix = Matrix { layout: *layout, codes: &codes, scales: &scales, zeros, order: &[] };
            form(op, &[x, Operand::integer(&shape, matrix)], out)
        }
    }
}

/// The smallest difference the clock shows, in milliseconds.
pub fn clock_step() -> f64 {
    let mut least = f64::INFINITY;
    let started = clock::now();
    let mut last = started;
    while last - started < 2.0 {
        let now = clock::now();
        if now > last {
            least = least.min(now - last);
        }
        last = now;
    }
    if least.is_finite() { least } else { 1.0 }
}

//! Brings weights from their origin into their storage format, piece by bounded piece.
//!
//! Floats that stay 32-bit floats go from the fetched bytes to the device as they are; in a browser they
//! never enter the module's heap. Everything else is converted a few rows at a time.

use futures_util::{StreamExt, stream::FuturesOrdered};

use super::{
    Declared, Format, Weight,
    rows::{Target, convert, distribution, transpose, write_rows},
};
#[cfg(feature = "gpu")]
use super::{
    quantizer::{Piece, Quantizer},
    synthesis::Synthesis,
};
use crate::{
    clock,
    device::{InFlight, Space},
    error::{Error, Result},
    load::{
        Checkpoint, Chunk, Dtype, Origin, Synthetic,
        fetch::{self, Limits, Request, Wanted},
    },
};
#[cfg(feature = "gpu")]
use crate::{device::Device, load::synthetic::Distribution};

/// Bytes that are converted, and of floats that are made, in one go.
pub const PIECE: u64 = 8 << 20;
/// Bytes that may be on their way to the device: a queue that is only fed holds a copy of everything.
const QUEUED: u64 = 64 << 20;
/// Bytes of one read of a file that is wanted as a whole: no browser has trouble with them.
const SECTION: u64 = 1 << 30;

/// How bytes are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Whole files: what is wanted of one is there before the first weight is made, and stays until the last is.
    Whole,
    /// Chunks in the order of use, some of them at once.
    Chunks {
        /// Bytes of a chunk.
        chunk: u64,
        /// Bytes that may be on their way at once; one chunk always is.
        in_flight: u64,
    },
}

/// What brings weights.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    /// Where they come from.
    pub origin: &'a Origin,
    /// Which there are.
    pub declared: &'a [Declared],
    /// How each is stored.
    pub formats: &'a [Format],
    /// How bytes are fetched.
    pub pace: Pace,
    /// Where they are counted.
    pub space: &'a Space,
    /// Whether a GPU may help to make them.
    pub helped: bool,
}

/// What bringing weights cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Bytes read.
    pub fetched_bytes: u64,
    /// Milliseconds spent waiting for bytes.
    pub fetch_ms: f64,
    /// Milliseconds spent converting, quantizing and making values.
    pub convert_ms: f64,
}

/// A weight while its rows arrive.
struct Job<'a> {
    declared: &'a Declared,
    weight: &'a Weight,
    target: Target,
    /// Of a matrix whose axes are to be exchanged, which is gathered whole: its values so far.
    gathered: Option<(Vec<f32>, InFlight)>,
}

impl Loader<'_> {
    /// Fills `weights`, which are the declared ones of these numbers and were never written.
    pub async fn load(&self, numbers: &[usize], weights: &[Weight]) -> Result<Cost> {
        let job = |(&number, weight)| Job {
            declared: &self.declared[number],
            weight,
            target: Target::new(self.formats[number]),
            gathered: None,
        };
        let mut jobs: Vec<Job<'_>> = numbers.iter().zip(weights).map(job).collect();
        #[cfg(feature = "gpu")]
        let help = Help { quantizer: self.quantizer(&jobs)? };
        #[cfg(not(feature = "gpu"))]
        let help = Help {};
        let cost = match self.origin {
            Origin::Files(checkpoint) => self.fetch(checkpoint, &mut jobs, &help).await?,
            Origin::Synthetic(synthetic) => self.make(synthetic, &mut jobs, &help).await?,
        };
        #[cfg(feature = "gpu")]
        if let Some(quantizer) = help.quantizer
            && let Some(place) = quantizer.finish().await?
        {
            let error = Error::model("holds a value that is not finite");
            return Err(jobs.get(place).map_or(Error::internal("no such weight"), |job| job.blame(error)));
        }
        self.space.finish().await?;
        Ok(cost)
    }

    /// What quantizes on the GPU, if weights need it and it is hardware: an adapter that runs on a CPU is no
    /// faster than the CPU.
    #[cfg(feature = "gpu")]
    fn quantizer(&self, jobs: &[Job<'_>]) -> Result<Option<Quantizer>> {
        let Device::Gpu(gpu) = self.space.device() else { return Ok(None) };
        if !self.helped || gpu.capability().software {
            return Ok(None);
        }
        let integers = jobs.iter().filter(|job| matches!(job.weight, Weight::Integer { .. }));
        let bytes = |job: &Job<'_>| {
            let columns = job.declared.shape.last().copied().unwrap_or(1);
            (4 * job.declared.elements() as u64).min(PIECE.max(4 * columns as u64))
        };
        match integers.map(bytes).max() {
            Some(bytes) if bytes <= gpu.capability().binding_limit => Quantizer::new(gpu, self.space, bytes).map(Some),
            _ => Ok(None),
        }
    }

    async fn fetch(&self, checkpoint: &Checkpoint, jobs: &mut [Job<'_>], help: &Help) -> Result<Cost> {
        let mut wanted = Vec::with_capacity(jobs.len());
        let mut dtypes = Vec::with_capacity(jobs.len());
        for (tensor, job) in jobs.iter().enumerate() {
            let name = &job.declared.name;
            let Some((file, entry)) = checkpoint.tensor(name) else {
                return Err(job.blame(Error::internal("declared but not in the files")));
            };
            dtypes.push(entry.known_dtype(name)?);
            wanted.push(Wanted { tensor, file, entry });
        }
        let mut taking = Taking { loader: self, jobs, dtypes: &dtypes, help, cost: Cost::default(), queued: 0 };
        match self.pace {
            Pace::Whole => {
                let requests = fetch::plan(wanted, Limits::whole(SECTION, PIECE));
                for file in requests.chunk_by(|a, b| a.file == b.file) {
                    let mut fetched = Vec::with_capacity(file.len());
                    for request in file {
                        let started = clock::now();
                        fetched.push(self.read(checkpoint, request).await?);
                        taking.cost.fetch_ms += clock::now() - started;
                    }
                    for (request, (chunk, _)) in file.iter().zip(&fetched) {
                        taking.take(request, chunk).await?;
                    }
                }
            }
            Pace::Chunks { chunk, in_flight } => {
                let requests = fetch::plan_in_order(wanted, Limits::chunks(chunk, PIECE));
                let mut waiting = requests.iter().peekable();
                let mut flying = FuturesOrdered::new();
                let mut bytes = 0;
                loop {
                    while let Some(next) = waiting.peek()
                        && (flying.is_empty() || bytes + next.length <= in_flight)
                        && let Some(next) = waiting.next()
                    {
                        bytes += next.length;
                        flying.push_back(async move { (next, self.read(checkpoint, next).await) });
                    }
                    let started = clock::now();
                    let Some((request, read)) = flying.next().await else { break };
                    let (chunk, counted) = read?;
                    taking.cost.fetch_ms += clock::now() - started;
                    taking.take(request, &chunk).await?;
                    drop((chunk, counted));
                    bytes -= request.length;
                }
            }
        }
        Ok(taking.cost)
    }

    async fn read(&self, checkpoint: &Checkpoint, request: &Request) -> Result<(Chunk, InFlight)> {
        let counted = self.space.in_flight(request.length);
        let file = &checkpoint.files()[request.file];
        let chunk = checkpoint.folder().range(file, request.start, request.length).await?;
        Ok((chunk, counted))
    }

    async fn make(&self, synthetic: &Synthetic, jobs: &mut [Job<'_>], help: &Help) -> Result<Cost> {
        let started = clock::now();
        let mut values = Vec::new();
        let mut queued = 0;
        #[cfg(feature = "gpu")]
        let on_gpu = match self.space.device() {
            Device::Gpu(gpu) if self.helped => Some(Synthesis::new(gpu, self.space)?),
            _ => None,
        };
        #[cfg(not(feature = "gpu"))]
        let _ = help;
        for (place, job) in jobs.iter_mut().enumerate() {
            let (declared, weight, target) = (job.declared, job.weight, &mut job.target);
            #[cfg(feature = "gpu")]
            if let (Some(on_gpu), Weight::F32(buffer), Distribution::Bell(deviation)) =
                (&on_gpu, weight, distribution(declared))
            {
                let filled = on_gpu.fill(synthetic.bell(&declared.name, deviation), 0, buffer);
                filled.map_err(|error| blame(declared, error))?;
                continue;
            }
            let columns = declared.shape.last().copied().unwrap_or(1);
            let rows = declared.elements() / columns;
            let piece = match self.pace {
                Pace::Whole => PIECE,
                Pace::Chunks { chunk, .. } => chunk.min(PIECE),
            };
            let step = (usize::try_from(piece).unwrap_or(usize::MAX) / 4 / columns).max(1);
            #[cfg(feature = "gpu")]
            if let (Some(on_gpu), Some(quantizer), Weight::Integer { layout, .. }, Distribution::Bell(deviation)) =
                (&on_gpu, &help.quantizer, weight, distribution(declared))
                && let Format::Integer { calibration, .. } = target.format
                && quantizer.suits(*layout, Dtype::F32)
            {
                let seeded = synthetic.bell(&declared.name, deviation);
                for first in (0..rows).step_by(step) {
                    on_gpu.fill(seeded, (first * columns) as u64, &quantizer.upload)?;
                    let piece = Piece { source: Dtype::F32, first, rows: step.min(rows - first), tensor: place };
                    quantizer.run(weight, calibration, &piece).map_err(|error| blame(declared, error))?;
                }
                continue;
            }
            #[cfg(not(feature = "gpu"))]
            let _ = place;
            for first in (0..rows).step_by(step) {
                values.resize(step.min(rows - first) * columns, 0.0);
                let bytes = 4 * values.len() as u64;
                let counted = self.space.in_flight(bytes);
                synthetic.fill(&declared.name, distribution(declared), (first * columns) as u64, &mut values);
                write_rows(weight, declared, first, &values, target).map_err(|error| blame(declared, error))?;
                drop(counted);
                queued += bytes;
                if queued >= QUEUED {
                    self.space.finish().await?;
                    queued = 0;
                }
            }
        }
        Ok(Cost { convert_ms: clock::now() - started, ..Cost::default() })
    }
}

/// What makes weights faster, where a device has it.
struct Help {
    #[cfg(feature = "gpu")]
    quantizer: Option<Quantizer>,
}

/// Weights while chunks are taken apart.
struct Taking<'a, 'j> {
    loader: &'a Loader<'a>,
    jobs: &'a mut [Job<'j>],
    dtypes: &'a [Dtype],
    help: &'a Help,
    cost: Cost,
    queued: u64,
}

impl Taking<'_, '_> {
    async fn take(&mut self, request: &Request, chunk: &Chunk) -> Result<()> {
        let started = clock::now();
        self.cost.fetched_bytes += request.length;
        for part in &request.parts {
            let put = self.put(part, chunk);
            put.map_err(|error| self.jobs[part.tensor].blame(error))?;
        }
        self.queued += request.length;
        if self.queued >= QUEUED {
            self.loader.space.finish().await?;
            self.queued = 0;
        }
        self.cost.convert_ms += clock::now() - started;
        Ok(())
    }

    fn put(&mut self, part: &fetch::Part, chunk: &Chunk) -> Result<()> {
        let dtype = self.dtypes[part.tensor];
        let job = &mut self.jobs[part.tensor];
        let (weight, declared) = (job.weight, job.declared);
        let space = self.loader.space;
        if declared.transposed {
            let elements = declared.elements();
            let (values, _) = job.gathered.get_or_insert_with(|| (Vec::new(), space.in_flight(4 * elements as u64)));
            values.extend(convert(dtype, &chunk.part(part.offset, part.length))?);
            if values.len() == elements {
                let _counted = space.in_flight(4 * elements as u64);
                let gathered = job.gathered.take().map_or_else(Vec::new, |(values, _)| values);
                let values = transpose(&gathered, &declared.shape);
                write_rows(weight, declared, 0, &values, &mut job.target)?;
            }
            return Ok(());
        }
        if let (Weight::F32(buffer), Dtype::F32) = (weight, dtype) {
            let columns = declared.shape.last().copied().unwrap_or(1);
            return buffer.write_chunk((part.rows.start * columns * 4) as u64, chunk, part.offset, part.length);
        }
        if let (Weight::F16 { layout, halves }, Dtype::F16) = (weight, dtype)
            && layout.dense()
        {
            let offset = (part.rows.start * layout.row_words() * 4) as u64;
            return halves.write_chunk(offset, chunk, part.offset, part.length);
        }
        #[cfg(feature = "gpu")]
        if let (Some(quantizer), Weight::Integer { layout, .. }, Format::Integer { calibration, .. }) =
            (&self.help.quantizer, weight, job.target.format)
            && quantizer.suits(*layout, dtype)
        {
            quantizer.upload.write_chunk(0, chunk, part.offset, part.length)?;
            let (first, rows) = (part.rows.start, part.rows.len());
            return quantizer.run(weight, calibration, &Piece { source: dtype, first, rows, tensor: part.tensor });
        }
        #[cfg(not(feature = "gpu"))]
        let _ = self.help;
        let _counted = space.in_flight((4 * part.length / dtype.size()) as u64);
        let values = convert(dtype, &chunk.part(part.offset, part.length))?;
        write_rows(weight, declared, part.rows.start, &values, &mut job.target)
    }
}

impl Job<'_> {
    fn blame(&self, error: Error) -> Error {
        blame(self.declared, error)
    }
}

/// Says which tensor an error is about.
pub(super) fn blame(declared: &Declared, error: Error) -> Error {
    error.of(format!("tensor '{}'", declared.name))
}

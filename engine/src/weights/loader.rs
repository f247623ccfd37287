//! Brings weights from their origin into their storage format, piece by bounded piece.
//!
//! Floats that stay 32-bit floats go from the fetched bytes to the device as they are; in a browser they
//! never enter the module's heap. Everything else is converted a few rows at a time.

use futures_util::{StreamExt, stream::FuturesOrdered};

use super::{
    Declared, Format, Stored, Weight,
    coming::{Arrivals, pause},
    component::components,
    crew::{Brought, Crew},
    pressure::{Gate, Held, Narrowed},
    rows::{Target, distribution, write_rows},
    taking::{Help, Job, QUEUED, Source, Taking},
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
/// Bytes of one read of a file that is wanted as a whole: no browser has trouble with them.
const SECTION: u64 = 1 << 30;

/// How bytes are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Whole files: what is wanted of one is there before the first weight is made, and stays until the last is.
    Whole,
    /// Chunks in the order of use, some of them at once.
    Chunks(Flow),
    /// Chunks of all components side by side, fetched and made by workers.
    Crew {
        /// How many.
        workers: usize,
        /// What may be on its way at once.
        flow: Flow,
    },
}

/// Chunks on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Bytes of a chunk.
    pub chunk: u64,
    /// Bytes that may be on their way at once; one chunk always is.
    pub in_flight: u64,
    /// Bytes that may be held meanwhile, those on their way among them: near it, fewer are.
    pub budget: Option<u64>,
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
    /// Where it is told which have arrived, for someone who uses them before all have.
    pub arrivals: Option<&'a Arrivals>,
}

impl Pace {
    /// Bytes that are made at once, at most.
    #[must_use]
    pub fn chunk(self) -> u64 {
        match self {
            Self::Whole => PIECE,
            Self::Chunks(flow) | Self::Crew { flow, .. } => flow.chunk,
        }
    }
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
    /// Whether workers were asked for and there were none.
    pub alone: bool,
    /// How far memory kept bytes on their way below what was asked for, if it did.
    pub narrowed: Option<Narrowed>,
}

impl Loader<'_> {
    /// Fills `weights`, which are the declared ones of these numbers and were never written.
    pub async fn load(&self, numbers: &[usize], weights: &[Weight]) -> Result<Cost> {
        let job = |(&number, weight)| Job {
            declared: &self.declared[number],
            weight,
            target: Target::new(self.formats[number]),
            gathered: None,
            packed: None,
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
        let integers = jobs.iter().filter(|job| {
            matches!(job.weight, Weight::Integer { .. }) && !matches!(job.declared.stored, Stored::Integers(_))
        });
        let bytes = |job: &Job<'_>| {
            let columns = job.declared.shape.last().copied().unwrap_or(1);
            (4 * job.declared.elements() as u64).min(PIECE.max(4 * columns as u64))
        };
        match integers.map(bytes).max() {
            Some(bytes) if bytes <= gpu.capability().binding_limit => {
                let columns = |job: &Job<'_>| job.declared.importance.as_ref().map_or(0, |all| all.len());
                let widest = jobs.iter().map(columns).max().unwrap_or(0);
                Quantizer::new(gpu, self.space, bytes, widest).map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn fetch(&self, checkpoint: &Checkpoint, jobs: &mut [Job<'_>], help: &Help) -> Result<Cost> {
        let mut wanted = Vec::with_capacity(jobs.len());
        let mut sources = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.iter().enumerate() {
            let tensors = job.declared.tensors(checkpoint);
            if tensors.is_empty() {
                return Err(job.blame(Error::internal("declared but not in the files")));
            }
            for (part, file, entry) in tensors {
                wanted.push(Wanted { tensor: sources.len(), file, entry });
                sources.push(Source { job: index, dtype: entry.known_dtype(&job.declared.name)?, part });
            }
        }
        let missing = vec![0; jobs.len()];
        let mut taking =
            Taking { loader: self, jobs, sources: &sources, help, cost: Cost::default(), queued: 0, missing };
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
            Pace::Chunks(flow) => {
                let requests = fetch::plan_in_order(wanted, Limits::chunks(flow.chunk, PIECE));
                self.several(checkpoint, &requests, flow, None, &mut taking).await?;
            }
            Pace::Crew { workers, flow } => {
                let requests = side_by_side(wanted, taking.jobs, &sources, Limits::chunks(flow.chunk, PIECE));
                // Where nothing has to be made, or a GPU makes it, connections are all that helps.
                let makes = !taking.helped() && requests.iter().any(|it| !taking.task(checkpoint, it).is_plain());
                // A browser that gives no workers has this one do it alone.
                let crew = if makes { Crew::start(workers).await.ok() } else { None };
                taking.cost.alone = makes && crew.is_none();
                self.several(checkpoint, &requests, flow, crew.as_ref(), &mut taking).await?;
            }
        }
        Ok(taking.cost)
    }

    /// Some requests at once, taken in their order: rows of a tensor follow each other.
    async fn several(
        &self,
        checkpoint: &Checkpoint,
        requests: &[Request],
        Flow { in_flight, budget, .. }: Flow,
        crew: Option<&Crew>,
        taking: &mut Taking<'_, '_>,
    ) -> Result<()> {
        taking.expect(requests);
        let mut waiting = requests.iter().enumerate().peekable();
        let mut flying = FuturesOrdered::new();
        let mut bytes = 0;
        let held = Held { space: self.space, budget };
        let mut gate = Gate::new(in_flight, &held);
        // While workers start, this one does what they would.
        let starting = usize::try_from(in_flight / requests.first().map_or(1, |first| first.length.max(1)));
        let starting = starting.unwrap_or(usize::MAX);
        loop {
            while let Some((_, next)) = waiting.peek()
                && gate.admits(bytes, next.length)
                && let Some((index, next)) = waiting.next()
            {
                bytes += next.length;
                let crew = crew.filter(|_| index >= starting);
                let task = crew.map(|crew| (crew, taking.task(checkpoint, next)));
                let task = task.filter(|(_, task)| !task.is_plain());
                flying.push_back(async move {
                    let Some((crew, task)) = task else {
                        let (chunk, counted) = self.read(checkpoint, next).await?;
                        return Ok((next, Brought::Bytes(chunk), counted));
                    };
                    let (counted, copied) = self.counted(checkpoint, next);
                    let (brought, remarks) = crew.perform(task).await?;
                    checkpoint.folder().remark(remarks);
                    drop(copied);
                    Ok((next, brought, counted))
                });
            }
            let started = clock::now();
            let Some(read) = flying.next().await else { break };
            let (request, brought, counted): (&Request, Brought, InFlight) = read?;
            taking.cost.fetch_ms += clock::now() - started;
            match &brought {
                Brought::Bytes(chunk) => taking.take(request, chunk).await?,
                Brought::Made(made) => {
                    drop(counted);
                    let _counted = self.space.in_flight(made.iter().map(|made| made.words.length() as u64).sum());
                    taking.take_made(request, made).await?;
                }
            }
            bytes -= request.length;
            if self.arrivals.is_some() {
                pause().await;
            }
        }
        taking.cost.narrowed = gate.narrowed();
        Ok(())
    }

    async fn read(&self, checkpoint: &Checkpoint, request: &Request) -> Result<(Chunk, InFlight)> {
        let (counted, _copied) = self.counted(checkpoint, request);
        let file = &checkpoint.files()[request.file];
        let chunk = checkpoint.folder().range(file, request.start, request.length).await?;
        Ok((chunk, counted))
    }

    /// The bytes of a request, and the copy of them from which a browser makes a digest.
    fn counted(&self, checkpoint: &Checkpoint, request: &Request) -> (InFlight, Option<InFlight>) {
        let copied = checkpoint.folder().verifies().then(|| self.space.in_flight(request.length));
        (self.space.in_flight(request.length), copied)
    }

    /// How many rows are made into floats at a time.
    pub(super) fn float_rows(&self, columns: usize) -> usize {
        let piece = self.pace.chunk().min(PIECE);
        (usize::try_from(piece).unwrap_or(usize::MAX) / 4 / columns).max(1)
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
            // The one before is complete.
            if let (Some(arrivals), Some(before)) = (self.arrivals, place.checked_sub(1)) {
                arrivals.mark(before);
                pause().await;
            }
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
            let step = self.float_rows(columns);
            #[cfg(feature = "gpu")]
            if let (Some(on_gpu), Some(quantizer), Weight::Integer { layout, .. }, Distribution::Bell(deviation)) =
                (&on_gpu, &help.quantizer, weight, distribution(declared))
                && let Format::Integer { calibration, .. } = target.format
                && quantizer.suits(*layout, Dtype::F32)
            {
                let seeded = synthetic.bell(&declared.name, deviation);
                for first in (0..rows).step_by(step) {
                    on_gpu.fill(seeded, (first * columns) as u64, &quantizer.upload)?;
                    let (rows, importance) = (step.min(rows - first), declared.importance.as_deref());
                    let piece = Piece { source: Dtype::F32, first, rows, tensor: place, importance };
                    quantizer.run(weight, calibration, &piece).map_err(|error| blame(declared, error))?;
                }
                continue;
            }
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

/// Requests of all components in turns, so that every component is on its way from the start. In each they follow the
/// file: nothing is used before everything is there, and neighbours take fewer requests.
fn side_by_side(wanted: Vec<Wanted<'_>>, jobs: &[Job<'_>], sources: &[Source], limits: Limits) -> Vec<Request> {
    let declared: Vec<Declared> = jobs.iter().map(|job| job.declared.clone()).collect();
    let mut component = vec![0; jobs.len()];
    let components = components(&declared);
    for (index, (_, numbers)) in components.iter().enumerate() {
        numbers.iter().for_each(|&number| component[number] = index);
    }
    let mut parts: Vec<Vec<Wanted<'_>>> = components.iter().map(|_| Vec::new()).collect();
    for wanted in wanted {
        parts[component[sources[wanted.tensor].job]].push(wanted);
    }
    let mut queues: Vec<_> = parts.into_iter().map(|part| fetch::plan(part, limits).into_iter()).collect();
    let mut requests = Vec::new();
    loop {
        let before = requests.len();
        requests.extend(queues.iter_mut().filter_map(Iterator::next));
        if requests.len() == before {
            return requests;
        }
    }
}

/// Says which tensor an error is about.
pub(super) fn blame(declared: &Declared, error: Error) -> Error {
    error.of(format!("tensor '{}'", declared.name))
}

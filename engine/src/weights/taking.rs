//! Weights while their bytes arrive: a chunk is taken apart, and every part goes where it stays.

#[cfg(feature = "gpu")]
use super::quantizer::{Piece, Quantizer};
use super::{
    Declared, Format, Stored, Weight,
    crew::Job as Task,
    loader::{Cost, Loader, blame},
    made::{Made, Rows},
    packed::{Gathering, Part},
    rows::{Target, complete, convert, transpose, write_rows},
};
use crate::{
    clock,
    device::InFlight,
    error::{Error, Result},
    load::{
        Checkpoint, Chunk, Dtype,
        fetch::{self, Request},
    },
};

/// Bytes that may be on their way to the device: a queue that is only fed holds a copy of everything.
pub(super) const QUEUED: u64 = 64 << 20;

/// A weight while its rows arrive.
pub(super) struct Job<'a> {
    pub(super) declared: &'a Declared,
    pub(super) weight: &'a Weight,
    pub(super) target: Target,
    /// Of a matrix whose axes are to be exchanged, which is gathered whole: its values so far.
    pub(super) gathered: Option<(Vec<f32>, InFlight)>,
    /// Of a matrix that files hold as integers: its parts so far.
    pub(super) packed: Option<(Gathering, InFlight)>,
}

/// A tensor of the files: of which weight it is, and which part of packed integers.
pub(super) struct Source {
    pub(super) job: usize,
    pub(super) dtype: Dtype,
    pub(super) part: Option<Part>,
}

impl Job<'_> {
    pub(super) fn blame(&self, error: Error) -> Error {
        blame(self.declared, error)
    }
}

/// What makes weights faster, where a device has it.
pub(super) struct Help {
    #[cfg(feature = "gpu")]
    pub(super) quantizer: Option<Quantizer>,
}

/// Weights while chunks are taken apart.
pub(super) struct Taking<'a, 'j> {
    pub(super) loader: &'a Loader<'a>,
    pub(super) jobs: &'a mut [Job<'j>],
    pub(super) sources: &'a [Source],
    pub(super) help: &'a Help,
    pub(super) cost: Cost,
    pub(super) queued: u64,
    /// Parts of each tensor that have not come.
    pub(super) missing: Vec<usize>,
}

impl Taking<'_, '_> {
    /// Whether a GPU makes integers.
    pub(super) fn helped(&self) -> bool {
        #[cfg(feature = "gpu")]
        return self.help.quantizer.is_some();
        #[cfg(not(feature = "gpu"))]
        false
    }

    /// These requests bring everything.
    pub(super) fn expect(&mut self, requests: &[Request]) {
        requests
            .iter()
            .flat_map(|request| &request.parts)
            .for_each(|part| self.missing[self.sources[part.tensor].job] += 1);
        if let Some(arrivals) = self.loader.arrivals {
            let empty = self.missing.iter().enumerate().filter(|(_, parts)| **parts == 0);
            empty.for_each(|(job, _)| arrivals.mark(job));
        }
    }

    /// A part of a weight is where it stays.
    fn arrived(&mut self, job: usize) {
        self.missing[job] = self.missing[job].saturating_sub(1);
        if let Some(arrivals) = self.loader.arrivals.filter(|_| self.missing[job] == 0) {
            arrivals.mark(job);
        }
    }

    /// A request as a worker does it. Matrices whose axes are exchanged only become floats there, and packed integers
    /// are only fetched.
    pub(super) fn task(&self, checkpoint: &Checkpoint, request: &Request) -> Task {
        let rows = request.parts.iter().map(|part| {
            let source = &self.sources[part.tensor];
            let job = &self.jobs[source.job];
            let format = if job.declared.transposed { Format::F32 } else { job.target.format };
            Rows {
                source: source.dtype,
                format: source.part.is_none().then_some(format),
                importance: matches!(format, Format::Integer { .. })
                    .then(|| job.declared.importance.as_ref().map(|all| all.to_vec()))
                    .flatten(),
                shape: job.declared.shape.clone(),
                offset: part.offset,
                length: part.length,
            }
        });
        let place = checkpoint.folder().place(&checkpoint.files()[request.file]);
        Task { place, start: request.start, length: request.length, rows: rows.collect() }
    }

    pub(super) async fn take_made(&mut self, request: &Request, made: &[Made]) -> Result<()> {
        let started = clock::now();
        self.cost.fetched_bytes += request.length;
        for (part, made) in request.parts.iter().zip(made) {
            let put = self.put_made(part, made);
            let job = self.sources[part.tensor].job;
            put.map_err(|error| self.jobs[job].blame(error))?;
            self.arrived(job);
        }
        self.queued(request.length).await?;
        self.cost.convert_ms += clock::now() - started;
        Ok(())
    }

    fn put_made(&mut self, part: &fetch::Part, made: &Made) -> Result<()> {
        let source = &self.sources[part.tensor];
        let length = made.words.length();
        if let Some(which) = source.part {
            return self.unpack(source.job, which, part.rows.start, &made.words.part(0, length));
        }
        let job = &mut self.jobs[source.job];
        if job.declared.transposed {
            return self.gather(source.job, Dtype::F32, &made.words.part(0, length));
        }
        let first = part.rows.start;
        match job.weight {
            Weight::F32(buffer) => {
                let columns = job.declared.shape.last().copied().unwrap_or(1);
                buffer.write_chunk((first * columns * 4) as u64, &made.words, 0, length)
            }
            Weight::F16 { layout, halves } => {
                halves.write_chunk((first * layout.row_words() * 4) as u64, &made.words, 0, length)
            }
            Weight::Integer { layout, codes, scales, zeros, .. } => {
                codes.write_chunk((first * layout.row_words() * 4) as u64, &made.words, 0, length)?;
                job.target.factors.append(made.factors.clone());
                complete(*layout, scales, zeros.as_ref(), &mut job.target.factors)
            }
        }
    }

    /// Adds values to a matrix whose axes are exchanged, and writes it when it is whole.
    fn gather(&mut self, job: usize, dtype: Dtype, bytes: &[u8]) -> Result<()> {
        let space = self.loader.space;
        let job = &mut self.jobs[job];
        let (weight, declared) = (job.weight, job.declared);
        let elements = declared.elements();
        let (values, _) = job.gathered.get_or_insert_with(|| (Vec::new(), space.in_flight(4 * elements as u64)));
        values.extend(convert(dtype, bytes)?);
        if values.len() < elements {
            return Ok(());
        }
        let _counted = space.in_flight(4 * elements as u64);
        let gathered = job.gathered.take().map_or_else(Vec::new, |(values, _)| values);
        write_rows(weight, declared, 0, &transpose(&gathered, &declared.shape), &mut job.target)
    }

    /// Adds rows to a part of a packed matrix, and writes what is whole: integers as they are, floats when every part
    /// is there.
    fn unpack(&mut self, job: usize, part: Part, first: usize, bytes: &[u8]) -> Result<()> {
        let (loader, job) = (self.loader, &mut self.jobs[job]);
        let Stored::Integers(packed) = job.declared.stored else {
            return Err(Error::internal("a part of a matrix that is not packed"));
        };
        let target = &mut job.target;
        let begin = || (Gathering::new(packed), loader.space.in_flight(Gathering::bytes(packed)));
        let (gathering, _) = job.packed.get_or_insert_with(begin);
        gathering.take(part, first, bytes)?;
        if let Weight::Integer { layout, codes, scales, zeros, order, .. } = job.weight {
            if let Some(words) = gathering.codes() {
                codes.write(0, bytemuck::cast_slice(&words))?;
                if let Some(order) = order {
                    order.write(0, bytemuck::cast_slice(gathering.order()))?;
                }
            }
            if let Some(factors) = gathering.factors() {
                target.factors = factors;
                complete(*layout, scales, zeros.as_ref(), &mut target.factors)?;
            }
        } else if gathering.is_complete() {
            let rows = loader.float_rows(packed.layout.columns);
            let _counted = loader.space.in_flight((4 * rows * packed.layout.columns) as u64);
            gathering.floats(rows, |first, values| write_rows(job.weight, job.declared, first, values, target))?;
        }
        if gathering.is_complete() {
            job.packed = None;
        }
        Ok(())
    }

    async fn queued(&mut self, bytes: u64) -> Result<()> {
        self.queued += bytes;
        if self.queued >= QUEUED {
            self.loader.space.finish().await?;
            self.queued = 0;
        }
        Ok(())
    }

    pub(super) async fn take(&mut self, request: &Request, chunk: &Chunk) -> Result<()> {
        let started = clock::now();
        self.cost.fetched_bytes += request.length;
        for part in &request.parts {
            let put = self.put(part, chunk);
            let job = self.sources[part.tensor].job;
            put.map_err(|error| self.jobs[job].blame(error))?;
            self.arrived(job);
        }
        self.queued(request.length).await?;
        self.cost.convert_ms += clock::now() - started;
        Ok(())
    }

    fn put(&mut self, part: &fetch::Part, chunk: &Chunk) -> Result<()> {
        let source = &self.sources[part.tensor];
        let dtype = source.dtype;
        if let Some(which) = source.part {
            let _counted = self.loader.space.in_flight(part.length as u64);
            return self.unpack(source.job, which, part.rows.start, &chunk.part(part.offset, part.length));
        }
        let job = &mut self.jobs[source.job];
        let (weight, declared) = (job.weight, job.declared);
        let space = self.loader.space;
        if declared.transposed {
            return self.gather(source.job, dtype, &chunk.part(part.offset, part.length));
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
            let importance = declared.importance.as_deref();
            let piece = Piece { source: dtype, first, rows, tensor: source.job, importance };
            return quantizer.run(weight, calibration, &piece);
        }
        #[cfg(not(feature = "gpu"))]
        let _ = self.help;
        let _counted = space.in_flight((4 * part.length / dtype.size()) as u64);
        let values = convert(dtype, &chunk.part(part.offset, part.length))?;
        write_rows(weight, declared, part.rows.start, &values, &mut job.target)
    }
}

//! Weights on a device, and what bringing them cost.

use std::rc::Rc;

use super::{
    Coming, Declared, Format, Residency, component, half,
    integer::Layout,
    loader::{self, Cost, Flow, Loader, PIECE, Pace},
};
use crate::{
    device::{Buffer, Category, Space},
    error::{Error, Result},
    load::{Origin, Remarks},
    protocol::{Activations, Offload, Options, Parallel, Progressive, StoredWeight, Streaming},
};

/// One weight on the device.
pub enum Weight {
    /// 32-bit floats, row-major.
    F32(Buffer),
    /// 16-bit floats; see [`half::Layout`].
    F16 {
        /// Shape.
        layout: half::Layout,
        /// Two values per word.
        halves: Buffer,
    },
    /// Group-wise integers; see [`Layout`].
    Integer {
        /// Shape and format.
        layout: Layout,
        /// What they are multiplied with.
        activations: Activations,
        /// Codes of all rows.
        codes: Buffer,
        /// Scales of all groups.
        scales: Buffer,
        /// Zero points of all groups, if they have any.
        zeros: Option<Buffer>,
        /// The input that each column belongs to, if they lie in another order; few weights have it.
        order: Option<Box<Buffer>>,
    },
}

impl Weight {
    /// A weight whose parts are made by `create`, which is given their bytes.
    pub fn create(weight: &Declared, format: Format, create: impl Fn(u64) -> Result<Buffer>) -> Result<Self> {
        let create = |words: usize| create(words as u64 * 4);
        if let Some(layout) = format.halves(&weight.shape) {
            return Ok(Self::F16 { layout, halves: create(layout.rows * layout.row_words())? });
        }
        let Some(layout) = format.integers(&weight.shape) else {
            return Ok(Self::F32(create(weight.elements())?));
        };
        let codes = create(layout.rows * layout.row_words())?;
        let scales = create(layout.scale_words())?;
        let zeros = if layout.zeros { Some(create(layout.zero_words())?) } else { None };
        let order = if format.is_ordered() { Some(Box::new(create(layout.columns)?)) } else { None };
        let activations = format.activations();
        Ok(Self::Integer { layout, activations, codes, scales, zeros, order })
    }

    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &Buffer> {
        let parts = match self {
            Self::F32(values) => [Some(values), None, None, None],
            Self::F16 { halves, .. } => [Some(halves), None, None, None],
            Self::Integer { codes, scales, zeros, order, .. } => {
                [Some(codes), Some(scales), zeros.as_ref(), order.as_deref()]
            }
        };
        parts.into_iter().flatten()
    }

    /// Bytes on the device.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts().map(Buffer::bytes).sum()
    }
}

/// All weights of a model, in the order in which they were declared, and what bringing them cost.
pub struct Store {
    /// The weights, if all are on the device for good.
    pub weights: Rc<Vec<Weight>>,
    /// Those of them that are still on their way.
    pub coming: Option<Rc<Coming>>,
    /// The weights, if they come and go.
    pub residency: Option<Rc<Residency>>,
    /// What each weight is, and takes in its format.
    pub stored: Vec<StoredWeight>,
    /// Bytes of all weights in their formats.
    pub bytes: u64,
    /// Number of values.
    pub parameters: u64,
    /// Number of values that are quantized, and the bytes they take.
    pub quantized: (u64, u64),
    /// Bytes read, headers included, and milliseconds.
    pub cost: Cost,
    /// What is worth telling of how files were read.
    pub remarks: Remarks,
}

impl Store {
    /// Loads `declared` from `origin` in the given formats, whole files at a time.
    pub async fn load(origin: &Origin, declared: &[Declared], formats: &[Format], space: &Space) -> Result<Self> {
        Self::all(Loader { origin, declared, formats, pace: Pace::Whole, space, helped: true, arrivals: None }).await
    }

    /// Loads `declared` from `origin` as the options say.
    pub async fn open(origin: Rc<Origin>, declared: &[Declared], options: &Options, space: &Space) -> Result<Self> {
        let formats: Vec<Format> = declared.iter().map(|weight| Format::choose(weight, options)).collect();
        if let (Origin::Files(checkpoint), Some(Parallel { keep: true, .. })) = (&*origin, &options.parallel_loading) {
            checkpoint.folder().keep();
        }
        let pace = pace(options, &origin, declared);
        let (residency, cost) = if let Some(Streaming { budget_mb }) = options.streaming {
            let budget = budget_mb.map(megabytes);
            (Residency::streamed(origin.clone(), declared, &formats, budget, space).await?, Cost::default())
        } else if let Some(Offload { budget_mb, pin }) = &options.cpu_offload {
            let kept = (budget_mb.map(megabytes), pin.as_slice());
            Residency::offloaded(origin.clone(), declared, &formats, kept, pace, space).await?.fill().await?
        } else {
            if options.progressive_loading.as_ref().is_some_and(|loading| loading.overlap) {
                return Self::early(origin, declared, &formats, pace, space).await;
            }
            let loader =
                Loader { origin: &origin, declared, formats: &formats, pace, space, helped: true, arrivals: None };
            return Self::all(loader).await;
        };
        let store = Self::with(Rc::default(), declared, &formats, &origin, cost);
        Ok(Self { residency: Some(Rc::new(residency)), ..store })
    }

    /// A store whose weights have their places, and are on their way.
    async fn early(
        origin: Rc<Origin>,
        declared: &[Declared],
        formats: &[Format],
        pace: Pace,
        space: &Space,
    ) -> Result<Self> {
        let numbers: Vec<usize> = (0..declared.len()).collect();
        let weights = Rc::new(place(&numbers, declared, formats, space).await?);
        let coming = Coming::start(&origin, (declared, formats), weights.clone(), pace, space);
        coming.begin().await?;
        let fetched = |weight: &Declared| match &*origin {
            Origin::Files(checkpoint) => checkpoint.tensor(&weight.name).map_or(0, |(_, entry)| entry.length),
            Origin::Synthetic(_) => 0,
        };
        let cost = Cost { fetched_bytes: declared.iter().map(fetched).sum(), ..Cost::default() };
        Ok(Self { coming: Some(Rc::new(coming)), ..Self::with(weights, declared, formats, &origin, cost) })
    }

    async fn all(loader: Loader<'_>) -> Result<Self> {
        let Loader { origin, declared, formats, space, .. } = loader;
        let numbers: Vec<usize> = (0..declared.len()).collect();
        let weights = place(&numbers, declared, formats, space).await?;
        let cost = loader.load(&numbers, &weights).await?;
        Ok(Self::with(Rc::new(weights), declared, formats, origin, cost))
    }

    fn with(
        weights: Rc<Vec<Weight>>,
        declared: &[Declared],
        formats: &[Format],
        origin: &Origin,
        mut cost: Cost,
    ) -> Self {
        let mut remarks = Remarks::default();
        if let Origin::Files(checkpoint) = origin {
            cost.fetched_bytes += checkpoint.header_bytes();
            remarks = checkpoint.folder().remarks();
        }
        let quantized = (0, 0);
        let stored = Vec::with_capacity(declared.len());
        let mut store =
            Self { weights, coming: None, residency: None, stored, bytes: 0, parameters: 0, quantized, cost, remarks };
        for (declared, format) in declared.iter().zip(formats) {
            let (elements, bytes) = (declared.elements() as u64, format.bytes(&declared.shape));
            store.parameters += elements;
            store.bytes += bytes;
            store.stored.push(StoredWeight {
                name: declared.name.clone(),
                component: component::of(&declared.name).to_owned(),
                format: format.word(),
                bytes,
            });
            if format.integers(&declared.shape).is_some() {
                store.quantized.0 += elements;
                store.quantized.1 += bytes;
            }
        }
        store
    }
}

/// Some of the declared weights on the device, zero at first.
///
/// # Errors
/// When the device has no memory for one of them; which one is part of the error.
pub(super) async fn place(
    numbers: &[usize],
    declared: &[Declared],
    formats: &[Format],
    space: &Space,
) -> Result<Vec<Weight>> {
    let create = |&number: &usize| {
        let create =
            || Weight::create(&declared[number], formats[number], |bytes| space.create(Category::Weights, bytes));
        space.watch(create).map_err(|error| loader::blame(&declared[number], error))
    };
    // All are on their way before the first answer is waited for.
    let watched = numbers.iter().map(create).collect::<Result<Vec<_>>>()?;
    let mut weights = Vec::with_capacity(watched.len());
    for (&number, watched) in numbers.iter().zip(watched) {
        weights.push(watched.granted().await.map_err(|error| loader::blame(&declared[number], error))?);
    }
    Ok(weights)
}

/// Chunks of the size that was asked for; without one, so many that those on their way are a small part of the model.
fn pace(options: &Options, origin: &Origin, declared: &[Declared]) -> Pace {
    /// Chunks of a model.
    const CHUNKS: u64 = 32;
    /// Workers: browsers have six connections to a server.
    const WORKERS: u32 = 4;
    let length = |weight: &Declared| match origin {
        Origin::Files(checkpoint) => weight.tensors(checkpoint).iter().map(|(_, _, entry)| entry.length).sum(),
        Origin::Synthetic(_) => 4 * weight.elements() as u64,
    };
    let all = || declared.iter().map(length).sum::<u64>();
    let wanted = options.progressive_loading.as_ref();
    let asked = wanted.and_then(|wanted| wanted.chunk_mb).map(megabytes);
    let budget = wanted.and_then(|wanted| wanted.budget_mb).map(megabytes);
    if let Some(Parallel { workers, .. }) = &options.parallel_loading {
        let workers = workers.unwrap_or(WORKERS).clamp(1, 16);
        // Every chunk waits for its first byte, so a connection gets few of them; but no worker may be left with none.
        let usual = (all() / u64::from(4 * workers)).clamp(PIECE / 8, 2 * PIECE);
        let chunk = asked.unwrap_or(usual);
        let flow = Flow { chunk, in_flight: chunk * u64::from(workers), budget };
        return Pace::Crew { workers: workers as usize, flow };
    }
    let Some(wanted) = wanted else { return Pace::Whole };
    let chunk = asked.unwrap_or_else(|| (all() / CHUNKS).clamp(PIECE / 8, 100_000_000));
    Pace::Chunks(Flow { chunk, in_flight: wanted.in_flight_mb.map_or(2 * chunk, megabytes), budget })
}

/// Megabytes in bytes.
#[must_use]
pub fn megabytes(count: u32) -> u64 {
    u64::from(count) * 1_000_000
}

/// Refuses what can't be meant.
pub fn check(options: &Options) -> Result<()> {
    let nothing = |name: &str| Err(Error::unsupported("nothing fits into 0 MB").of(name));
    if let Some(Progressive { chunk_mb, in_flight_mb, budget_mb, .. }) = options.progressive_loading
        && [chunk_mb, in_flight_mb, budget_mb].contains(&Some(0))
    {
        return nothing("progressive_loading");
    }
    if options.progressive_loading.as_ref().is_some_and(|loading| loading.overlap) {
        let others = [
            (options.streaming.is_some(), "streaming", "decides when weights come"),
            (options.cpu_offload.is_some(), "cpu_offload", "decides where weights are"),
            (options.parallel_loading.is_some(), "parallel_loading", "does not bring weights in the order of use"),
        ];
        if let Some((_, word, why)) = others.into_iter().find(|(on, ..)| *on) {
            return Err(Error::unsupported(format!("{word} {why}"))
                .of("progressive_loading: overlap")
                .hint(format!("leave out `overlap` or `{word}`")));
        }
    }
    match (&options.streaming, &options.cpu_offload) {
        (Some(_), Some(_)) => {
            Err(Error::unsupported("streaming and cpu_offload both decide where weights are")
                .hint("choose one of them"))
        }
        (Some(Streaming { budget_mb: Some(0) }), None) => nothing("streaming"),
        (None, Some(Offload { budget_mb: Some(0), .. })) => nothing("cpu_offload"),
        _ => Ok(()),
    }
}

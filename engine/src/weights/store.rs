//! Weights on a device: brings every declared weight there in its format, piece by bounded piece.
//!
//! Floats that stay 32-bit floats go from the fetched bytes to the device as they are; in a browser they
//! never enter the module's heap. Everything else is converted a few rows at a time.

use std::collections::BTreeMap;

use super::{
    Declared, Format, Role, half,
    integer::{self, Factors, Layout},
};
#[cfg(feature = "gpu")]
use super::{
    quantizer::{Piece, Quantizer},
    synthesis::Synthesis,
};
#[cfg(feature = "gpu")]
use crate::device::Device;
use crate::{
    clock,
    device::{Buffer, Category, Space},
    error::{Error, Result},
    load::{
        Checkpoint, Chunk, Dtype, Origin, Synthetic,
        fetch::{self, Wanted},
        synthetic::Distribution,
    },
};

/// Bytes of one read, and of the floats made in one go.
const PIECE: usize = 8 << 20;
/// Bytes that may be on their way to the device: a queue that is only fed holds a copy of everything.
const IN_FLIGHT: usize = 64 << 20;

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
        /// Codes of all rows.
        codes: Buffer,
        /// Scales of all groups.
        scales: Buffer,
        /// Zero points of all groups, if they have any.
        zeros: Option<Buffer>,
    },
}

impl Weight {
    /// Bytes on the device.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::F32(values) => values.bytes(),
            Self::F16 { halves, .. } => halves.bytes(),
            Self::Integer { codes, scales, zeros, .. } => {
                codes.bytes() + scales.bytes() + zeros.as_ref().map_or(0, Buffer::bytes)
            }
        }
    }
}

/// All weights of a model, in the order in which they were declared, and what bringing them cost.
pub struct Store {
    /// The weights.
    pub weights: Vec<Weight>,
    /// Number of values.
    pub parameters: u64,
    /// Number of values that are quantized, and the bytes they take.
    pub quantized: (u64, u64),
    /// Bytes read, headers included.
    pub fetched_bytes: u64,
    /// Milliseconds spent waiting for bytes.
    pub fetch_ms: f64,
    /// Milliseconds spent converting, quantizing and making values.
    pub convert_ms: f64,
    /// While weights are loaded onto hardware.
    #[cfg(feature = "gpu")]
    quantizer: Option<Quantizer>,
}

impl Store {
    /// Bytes of all weights on the device.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.weights.iter().map(Weight::bytes).sum()
    }

    /// Loads `declared` from `origin` in the given formats.
    pub async fn load(origin: &Origin, declared: &[Declared], formats: &[Format], space: &Space) -> Result<Self> {
        let mut weights = Vec::with_capacity(declared.len());
        for (weight, &format) in declared.iter().zip(formats) {
            let created = Self::create(weight, format, space).map_err(|error| error.of(subject(weight)))?;
            weights.push(created);
        }
        let mut store = Self {
            weights,
            parameters: 0,
            quantized: (0, 0),
            fetched_bytes: 0,
            fetch_ms: 0.0,
            convert_ms: 0.0,
            #[cfg(feature = "gpu")]
            quantizer: None,
        };
        for (declared, weight) in declared.iter().zip(&store.weights) {
            store.parameters += declared.elements() as u64;
            if matches!(weight, Weight::Integer { .. }) {
                store.quantized.0 += declared.elements() as u64;
                store.quantized.1 += weight.bytes();
            }
        }
        let mut targets: Vec<Target> = formats.iter().map(|&format| Target::new(format)).collect();
        #[cfg(feature = "gpu")]
        {
            store.quantizer = store.quantizer(declared, space)?;
        }
        match origin {
            Origin::Files(checkpoint) => store.fetch(checkpoint, declared, &mut targets, space).await?,
            Origin::Synthetic(synthetic) => store.make(synthetic, declared, &mut targets, space).await?,
        }
        #[cfg(feature = "gpu")]
        if let Some(quantizer) = store.quantizer.take()
            && let Some(tensor) = quantizer.finish().await?
        {
            let error = Error::model("holds a value that is not finite");
            return Err(declared
                .get(tensor)
                .map_or(Error::internal("no such weight"), |weight| error.of(subject(weight))));
        }
        space.finish().await?;
        Ok(store)
    }

    /// The buffers of a weight.
    pub(crate) fn create(weight: &Declared, format: Format, space: &Space) -> Result<Weight> {
        let create = |words: usize| space.create(Category::Weights, words as u64 * 4);
        if let Some(layout) = format.halves(&weight.shape) {
            return Ok(Weight::F16 { layout, halves: create(layout.rows * layout.row_words())? });
        }
        let Some(layout) = format.integers(&weight.shape) else {
            return Ok(Weight::F32(create(weight.elements())?));
        };
        let codes = create(layout.rows * layout.row_words())?;
        let scales = create(layout.scale_words())?;
        let zeros = if layout.zeros { Some(create(layout.zero_words())?) } else { None };
        Ok(Weight::Integer { layout, codes, scales, zeros })
    }

    /// What quantizes on the GPU, if weights need it and it is hardware: an adapter that runs on a CPU is no
    /// faster than the CPU.
    #[cfg(feature = "gpu")]
    fn quantizer(&self, declared: &[Declared], space: &Space) -> Result<Option<Quantizer>> {
        let Device::Gpu(gpu) = space.device() else { return Ok(None) };
        let integers =
            declared.iter().zip(&self.weights).filter(|(_, weight)| matches!(weight, Weight::Integer { .. }));
        let bytes = |(declared, _): (&Declared, &Weight)| {
            let columns = declared.shape.last().copied().unwrap_or(1);
            (4 * declared.elements()).min(PIECE.max(4 * columns)) as u64
        };
        match integers.map(bytes).max() {
            Some(bytes) if !gpu.capability().software && bytes <= gpu.capability().binding_limit => {
                Quantizer::new(gpu, space, bytes).map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn fetch(
        &mut self,
        checkpoint: &Checkpoint,
        declared: &[Declared],
        targets: &mut [Target],
        space: &Space,
    ) -> Result<()> {
        let mut in_flight = 0;
        // Matrices whose axes are to be exchanged are gathered whole.
        let mut gathered: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
        self.fetched_bytes = checkpoint.header_bytes();
        let mut wanted = Vec::with_capacity(declared.len());
        for (tensor, weight) in declared.iter().enumerate() {
            let Some((file, entry)) = checkpoint.tensor(&weight.name) else {
                return Err(Error::internal("declared but not in the files").of(subject(weight)));
            };
            wanted.push(Wanted { tensor, file, entry });
        }
        let dtypes = declared.iter().zip(&wanted).map(|(weight, wanted)| wanted.entry.known_dtype(&weight.name));
        let dtypes = dtypes.collect::<Result<Vec<_>>>()?;
        for request in fetch::plan(wanted, PIECE as u64) {
            let started = clock::now();
            let file = &checkpoint.files()[request.file];
            let chunk = checkpoint.folder().range(file, request.start, request.length).await?;
            self.fetched_bytes += request.length;
            let fetched = clock::now();
            self.fetch_ms += fetched - started;
            for part in &request.parts {
                let weight = &declared[part.tensor];
                if weight.transposed {
                    let values = gathered.entry(part.tensor).or_default();
                    values.extend(convert(dtypes[part.tensor], &chunk.part(part.offset, part.length))?);
                    if values.len() == weight.elements() {
                        let values = transpose(&gathered.remove(&part.tensor).unwrap_or_default(), &weight.shape);
                        write_rows(&self.weights[part.tensor], weight, 0, &values, &mut targets[part.tensor])
                            .map_err(|error| error.of(subject(weight)))?;
                    }
                    continue;
                }
                self.put(part, &chunk, dtypes[part.tensor], weight, &mut targets[part.tensor])
                    .map_err(|error| error.of(subject(weight)))?;
            }
            self.convert_ms += clock::now() - fetched;
            in_flight += PIECE;
            if in_flight >= IN_FLIGHT {
                space.finish().await?;
                in_flight = 0;
            }
        }
        Ok(())
    }

    fn put(
        &self,
        part: &fetch::Part,
        chunk: &Chunk,
        dtype: Dtype,
        declared: &Declared,
        target: &mut Target,
    ) -> Result<()> {
        let weight = &self.weights[part.tensor];
        if let (Weight::F32(buffer), Dtype::F32) = (weight, dtype) {
            let columns = declared.shape.last().copied().unwrap_or(1);
            return buffer.write_chunk((part.rows.start * columns * 4) as u64, chunk, part.offset, part.length);
        }
        if let (Weight::F16 { layout, halves }, Dtype::F16) = (weight, dtype)
            && layout.dense()
        {
            return halves.write_chunk(
                (part.rows.start * layout.row_words() * 4) as u64,
                chunk,
                part.offset,
                part.length,
            );
        }
        #[cfg(feature = "gpu")]
        if let (Some(quantizer), Weight::Integer { layout, .. }, Format::Integer { calibration, .. }) =
            (&self.quantizer, weight, target.format)
            && quantizer.suits(*layout, dtype)
        {
            quantizer.upload.write_chunk(0, chunk, part.offset, part.length)?;
            let (first, rows) = (part.rows.start, part.rows.len());
            return quantizer.run(weight, calibration, &Piece { source: dtype, first, rows, tensor: part.tensor });
        }
        let values = convert(dtype, &chunk.part(part.offset, part.length))?;
        write_rows(weight, declared, part.rows.start, &values, target)
    }

    async fn make(
        &mut self,
        synthetic: &Synthetic,
        declared: &[Declared],
        targets: &mut [Target],
        space: &Space,
    ) -> Result<()> {
        let started = clock::now();
        let mut values = Vec::new();
        let mut in_flight = 0;
        #[cfg(feature = "gpu")]
        let on_gpu = match space.device() {
            Device::Gpu(gpu) => Some(Synthesis::new(gpu, space)?),
            Device::Cpu => None,
        };
        #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "only a GPU is told"))]
        for (tensor, ((declared, weight), target)) in declared.iter().zip(&self.weights).zip(targets).enumerate() {
            #[cfg(feature = "gpu")]
            if let (Some(on_gpu), Weight::F32(buffer), Distribution::Bell(deviation)) =
                (&on_gpu, weight, distribution(declared))
            {
                let filled = on_gpu.fill(synthetic.bell(&declared.name, deviation), 0, buffer);
                filled.map_err(|error| error.of(subject(declared)))?;
                continue;
            }
            let columns = declared.shape.last().copied().unwrap_or(1);
            let rows = declared.elements() / columns;
            let step = (PIECE / 4 / columns).max(1);
            #[cfg(feature = "gpu")]
            if let (Some(on_gpu), Some(quantizer), Weight::Integer { layout, .. }, Distribution::Bell(deviation)) =
                (&on_gpu, &self.quantizer, weight, distribution(declared))
                && let Format::Integer { calibration, .. } = target.format
                && quantizer.suits(*layout, Dtype::F32)
            {
                let seeded = synthetic.bell(&declared.name, deviation);
                for first in (0..rows).step_by(step) {
                    on_gpu.fill(seeded, (first * columns) as u64, &quantizer.upload)?;
                    let piece = Piece { source: Dtype::F32, first, rows: step.min(rows - first), tensor };
                    quantizer.run(weight, calibration, &piece).map_err(|error| error.of(subject(declared)))?;
                }
                continue;
            }
            for first in (0..rows).step_by(step) {
                values.resize(step.min(rows - first) * columns, 0.0);
                synthetic.fill(&declared.name, distribution(declared), (first * columns) as u64, &mut values);
                write_rows(weight, declared, first, &values, target).map_err(|error| error.of(subject(declared)))?;
                in_flight += values.len() * 4;
                if in_flight >= IN_FLIGHT {
                    space.finish().await?;
                    in_flight = 0;
                }
            }
        }
        self.convert_ms = clock::now() - started;
        Ok(())
    }
}

fn convert(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>> {
    dtype.to_f32(bytes).ok_or_else(|| Error::internal(format!("{dtype:?} is no float")))
}

/// Values of a matrix with exchanged axes in the order of `shape` `[rows, columns]`.
fn transpose(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let rows = shape.first().copied().unwrap_or(1);
    (0..rows).flat_map(|row| values.iter().skip(row).step_by(rows)).copied().collect()
}

/// Activations keep their variance from layer to layer, and attention is neither flat nor one-hot.
#[expect(clippy::cast_precision_loss, reason = "a width")]
fn distribution(weight: &Declared) -> Distribution {
    match weight.role {
        Role::Linear | Role::Conv => {
            Distribution::Bell(weight.gain / (weight.shape.iter().skip(1).product::<usize>() as f32).sqrt())
        }
        Role::Embedding | Role::Table => Distribution::Bell(weight.gain * 0.02),
        Role::Scale => Distribution::Constant(1.0),
        Role::Bias => Distribution::Constant(0.0),
    }
}

/// A weight while its rows arrive.
struct Target {
    format: Format,
    factors: Factors,
}

impl Target {
    fn new(format: Format) -> Self {
        Self { format, factors: Factors::default() }
    }
}

/// Writes whole rows from row `first` on in the format of the weight.
fn write_rows(weight: &Weight, declared: &Declared, first: usize, values: &[f32], target: &mut Target) -> Result<()> {
    match (weight, target.format) {
        (Weight::Integer { layout, codes, scales, zeros }, Format::Integer { calibration, .. }) => {
            let mut words = Vec::with_capacity(values.len() / layout.columns * layout.row_words());
            integer::quantize(*layout, calibration, values, &mut words, &mut target.factors)?;
            codes.write((first * layout.row_words() * 4) as u64, bytemuck::cast_slice(&words))?;
            if target.factors.complete(*layout) {
                let (packed_scales, packed_zeros) = std::mem::take(&mut target.factors).pack(*layout);
                scales.write(0, bytemuck::cast_slice(&packed_scales))?;
                if let Some(zeros) = zeros {
                    zeros.write(0, bytemuck::cast_slice(&packed_zeros))?;
                }
            }
            Ok(())
        }
        (Weight::F16 { layout, halves }, _) => {
            let words = layout.pack(values);
            halves.write((first * layout.row_words() * 4) as u64, bytemuck::cast_slice(&words))
        }
        (Weight::F32(buffer), _) => {
            let columns = declared.shape.last().copied().unwrap_or(1);
            buffer.write((first * columns * 4) as u64, bytemuck::cast_slice(values))
        }
        (Weight::Integer { .. }, _) => Err(Error::internal("a weight differs from its format")),
    }
}

fn subject(weight: &Declared) -> String {
    format!("tensor '{}'", weight.name)
}

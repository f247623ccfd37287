//! Matrices that the files hold as integers, packed as [`Packing`] says. They become the engine's own integers without
//! a float between them: codes, scales and zero points are taken over as they are, and only change their places.
//! Columns that share a scale lie beside each other; where they didn't, the order they have now is kept with them.

mod codes;
mod gathering;
mod order;

pub use gathering::Gathering;

use super::{Format, Role, integer::Layout};
use crate::{
    error::{Error, Result},
    load::{
        Checkpoint, Dtype, Packing,
        header::Entry,
        packing::{self, Method},
    },
    protocol::{Activations, Calibration},
};

/// Scales of a row that has only one are repeated for every so many columns, the most that kernels take.
const LONGEST_GROUP: usize = 512;

/// A matrix that the files hold as integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// How the files hold it.
    pub packing: Packing,
    /// How the engine does.
    pub layout: Layout,
}

/// What a matrix is made of in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The group of every input.
    Order,
    /// Scales of all groups, by groups.
    Scales,
    /// Zero points of all groups, by groups, packed along the outputs.
    Zeros,
    /// Codes.
    Codes,
}

impl Part {
    /// Small ones first: what is wrong with them is known before most is fetched.
    const ALL: [Self; 4] = [Self::Order, Self::Scales, Self::Zeros, Self::Codes];

    /// What the files call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "g_idx",
            Self::Scales => "scales",
            Self::Zeros => "qzeros",
            Self::Codes => "qweight",
        }
    }

    /// Its full name, if `name` is that of a weight.
    fn of(self, name: &str) -> Option<String> {
        name.strip_suffix("weight").map(|path| format!("{path}{}", self.name()))
    }
}

impl Packed {
    /// The matrix `name` of shape `[outputs, inputs]`, if the files hold it as integers.
    ///
    /// # Errors
    /// When it isn't there as a whole, or not what the configurations say.
    pub fn find(checkpoint: &Checkpoint, name: &str, role: Role, shape: &[usize]) -> Result<Option<Self>> {
        let Some(packing) = checkpoint.packing() else { return Ok(None) };
        if Part::Codes.of(name).is_none_or(|codes| checkpoint.tensor(&codes).is_none()) {
            return Ok(None);
        }
        let (Role::Linear, &[rows, columns]) = (role, shape) else {
            return Err(Error::unsupported("only matrices of linear layers can be read as packed integers")
                .of(format!("tensor '{name}'")));
        };
        // A power of two that divides the files' groups: their lowest bit that is set, if kernels take it.
        let group = packing.group.map_or(LONGEST_GROUP, |group| (1 << group.trailing_zeros()).min(LONGEST_GROUP));
        let layout = Layout { rows, columns, bits: packing.bits, group, zeros: !packing.symmetric };
        let packed = Self { packing, layout };
        let per_word = layout.per_word();
        let is_gptq = packing.method != Method::Awq;
        if !rows.is_multiple_of(per_word) || (is_gptq && !columns.is_multiple_of(per_word)) {
            return Err(packing::unexpected("does not fill its words")
                .of(format!("tensor '{name}'"))
                .expected(format!("multiples of {per_word}"))
                .found(format!("[{rows}, {columns}]")));
        }
        let groups = columns.div_ceil(packed.file_group());
        for part in Part::ALL {
            let (dtype, shape) = match part {
                Part::Order => (Dtype::I32, vec![columns]),
                Part::Scales => (Dtype::F16, vec![groups, rows]),
                Part::Zeros => (Dtype::I32, vec![groups, rows / per_word]),
                Part::Codes => (Dtype::I32, packed.code_shape().into()),
            };
            let full = part.of(name).unwrap_or_default();
            let Some((_, entry)) = checkpoint.tensor(&full) else {
                if part == Part::Order && !packing.reordered {
                    continue;
                }
                return Err(packing::unexpected("missing tensor").of(format!("tensor '{full}'")));
            };
            if Dtype::parse(&entry.dtype) != Some(dtype) || entry.shape != shape {
                return Err(packing::unexpected("not the tensor that belongs there")
                    .of(format!("tensor '{full}'"))
                    .expected(format!("{dtype:?} {shape:?} for [{rows}, {columns}] in {} bits", packing.bits))
                    .found(format!("{} {:?}", entry.dtype, entry.shape)));
            }
        }
        Ok(Some(packed))
    }

    /// Where its parts lie.
    pub fn tensors<'a>(checkpoint: &'a Checkpoint, name: &str) -> impl Iterator<Item = (Part, usize, &'a Entry)> {
        Part::ALL.into_iter().filter_map(move |part| {
            let (file, entry) = checkpoint.tensor(&part.of(name)?)?;
            Some((part, file, entry))
        })
    }

    /// The engine's format, in which nothing is lost.
    #[must_use]
    pub fn format(self, activations: Activations) -> Format {
        let Layout { bits, group, zeros, .. } = self.layout;
        // One of a few powers of two.
        let group = u32::try_from(group).unwrap_or(u32::MAX);
        Format::Integer { bits, group, zeros, calibration: Calibration::None, activations, ordered: self.is_ordered() }
    }

    /// Columns that share a scale in the files: a multiple of the engine's groups.
    fn file_group(self) -> usize {
        self.packing.group.unwrap_or_else(|| self.layout.columns.next_multiple_of(LONGEST_GROUP))
    }
}

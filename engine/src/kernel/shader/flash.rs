//! The kernels of attention without a matrix of scores.

use super::Access::{self, Read, Uniform, Write};
use crate::graph::Stored;

/// A form of [`crate::graph::Flash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlashKernel {
    /// How the work is cut up.
    pub form: Form,
    /// Four values a load: the head's width is a multiple of four.
    pub vectors: bool,
    /// How keys and values are stored; not in tiles, if not as floats.
    pub stored: Stored,
}

/// How the work is cut up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A workgroup shares tiles of `4 · side` queries and keys.
    Tile {
        /// Threads on each side of the workgroup.
        side: u32,
        /// Vectors of a result's row that a thread holds: a power of two.
        columns: u32,
    },
    /// A workgroup answers a few queries of heads that share keys, over its split of them.
    Few {
        /// Queries times heads: a power of two.
        rows: u32,
        /// Threads that read a value side by side: a power of two.
        columns: u32,
    },
    /// Every thread for itself.
    Direct {
        /// Queries of a thread.
        queries: u32,
        /// Vectors that a row may have.
        parts: u32,
    },
}

/// The widest head, in vectors of four.
pub const MOST_PARTS: u32 = 64;
/// Rows that a workgroup may answer.
pub const ROWS: [u32; 4] = [8, 4, 2, 1];

impl FlashKernel {
    /// Every one of them.
    pub(super) fn all() -> Vec<Self> {
        let tiles = [(16, &[1, 2, 4][..]), (8, &[1, 2, 4, 8])];
        let tiles = tiles
            .into_iter()
            .flat_map(|(side, columns)| columns.iter().map(move |&columns| Form::Tile { side, columns }));
        let widths = [8, 16, 32, MOST_PARTS];
        let few = widths.into_iter().flat_map(|columns| ROWS.map(|rows| Form::Few { rows, columns }));
        let direct = widths.into_iter().flat_map(|parts| [1, 4].map(|queries| Form::Direct { queries, parts }));
        let forms = tiles.chain(few).chain(direct);
        let floats =
            forms.clone().flat_map(|form| [true, false].map(|vectors| Self { form, vectors, stored: Stored::F32 }));
        let bits = forms.filter(|form| !matches!(form, Form::Tile { .. } | Form::Direct { queries: 4, .. }));
        let bits =
            bits.flat_map(|form| [Stored::Bits8, Stored::Bits4].map(|stored| Self { form, vectors: false, stored }));
        floats.chain(bits).collect()
    }

    /// The whole shader.
    pub(super) fn source(self) -> String {
        let rows = if self.vectors {
            include_str!("../flash/rows_vector.wgsl")
        } else {
            include_str!("../flash/rows_scalar.wgsl")
        };
        let memory = match (self.stored, self.vectors) {
            (Stored::F32, true) => include_str!("../flash/memory_vector.wgsl"),
            (Stored::F32, false) => include_str!("../flash/memory_scalar.wgsl"),
            (Stored::Bits8, _) => include_str!("../flash/memory_bits8.wgsl"),
            (Stored::Bits4, _) => include_str!("../flash/memory_bits4.wgsl"),
        };
        let (sizes, body) = match self.form {
            Form::Tile { side, columns } => {
                (format!("const SIDE = {side}u;\nconst COLUMNS = {columns}u;\n"), include_str!("../flash/tile.wgsl"))
            }
            Form::Few { rows, columns } => {
                (format!("const ROWS = {rows}u;\nconst COLUMNS = {columns}u;\n"), include_str!("../flash/few.wgsl"))
            }
            Form::Direct { queries, parts } => (
                format!("const QUERIES = {queries}u;\nconst PARTS = {parts}u;\n"),
                include_str!("../flash/direct.wgsl"),
            ),
        };
        [include_str!("../flash/sight.wgsl"), rows, memory, &sizes, body].join("\n")
    }

    /// What is bound where.
    pub(super) fn bindings(self) -> &'static [Access] {
        &[Read, Read, Read, Read, Read, Read, Read, Write, Uniform]
    }
}

impl Form {
    /// Bytes of workgroup memory.
    #[must_use]
    pub fn workgroup_bytes(self) -> u32 {
        match self {
            Self::Tile { side, .. } => {
                let staged = 2 * 4 * side * 9;
                16 * (staged + 32 * side + side * side)
            }
            Self::Few { rows, columns } => 16 * rows * columns + 2 * 4 * 256 * rows + (16 + 4) * 256 + 8 * rows,
            Self::Direct { .. } => 0,
        }
    }
}

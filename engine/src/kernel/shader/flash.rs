//! The kernels of attention without a matrix of scores.

use super::{
    Access::{self, Read, Uniform, Write},
    EXCHANGES, HALVES, extensions,
};
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
    /// Only order and padding hide keys, and nothing is added to scores.
    pub plain: bool,
    /// Queries see no keys behind their own.
    pub causal: bool,
    /// There is a mask.
    pub masked: bool,
    /// How many keys are in front of the queries is read; otherwise it follows from their numbers.
    pub cached: bool,
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
        /// 16-bit floats instead of 32-bit ones.
        halves: bool,
    },
    /// A workgroup answers a few queries of heads that share keys, over its split of them.
    Few {
        /// Queries times heads: a power of two.
        rows: u32,
        /// Threads that read a value side by side: a power of two.
        columns: u32,
    },
    /// The same, by teams of threads that exchange registers.
    Team {
        /// Queries times heads: a power of two.
        rows: u32,
        /// As many vectors are at least a row: a power of two.
        columns: u32,
        /// Threads of a team, within a subgroup.
        lanes: u32,
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
pub const ROWS: [u32; 3] = [8, 4, 1];
/// Widths of rows that kernels are made for, in vectors.
pub const WIDTHS: [u32; 4] = [8, 16, 32, MOST_PARTS];
/// Threads of a team.
pub const LANES: [u32; 4] = [32, 16, 8, 4];
/// Vectors of all rows that a thread of a team keeps at most; more would not stay in registers.
const MOST_KEPT: u32 = 8;

impl FlashKernel {
    /// Every form, and every way to read and to see with every kind of form in one size: they do not depend on sizes.
    pub(super) fn all() -> Vec<Self> {
        let tiles = [(16, &[1, 2, 4][..]), (8, &[1, 2, 4, 8])];
        let tiles = tiles
            .into_iter()
            .flat_map(|(side, columns)| columns.iter().map(move |&columns| (side, columns)))
            .flat_map(|(side, columns)| [false, true].map(|halves| Form::Tile { side, columns, halves }));
        let few = WIDTHS.into_iter().flat_map(|columns| ROWS.map(|rows| Form::Few { rows, columns }));
        let teams = WIDTHS.into_iter().flat_map(|columns| LANES.map(|lanes| (columns, lanes)));
        let teams = teams.flat_map(|(columns, lanes)| Form::teams(columns, lanes));
        let direct = WIDTHS.into_iter().flat_map(|parts| [1, 4].map(|queries| Form::Direct { queries, parts }));
        let forms: Vec<Form> = tiles.chain(few).chain(teams).chain(direct).collect();
        let reads = [(Stored::F32, true), (Stored::F32, false), (Stored::F16, true), (Stored::F16, false)];
        let reads = reads.into_iter().chain([(Stored::Bits8, false), (Stored::Bits4, false)]);
        let ways = reads.flat_map(|read| [true, false].map(|plain| (read, plain)));
        let all = ways.flat_map(|((stored, vectors), plain)| {
            // What is known when a pipeline is made is a constant of the same text: one value of each will do.
            let of = move |&form| Self { form, vectors, stored, plain, causal: true, masked: true, cached: true };
            forms.iter().map(of)
        });
        all.filter(|kernel| {
            let common = kernel.stored == Stored::F32 && kernel.vectors && kernel.plain;
            kernel.exists() && (common || kernel.form.is_usual())
        })
        .collect()
    }

    /// Whether keys and values that are stored so are read in this form.
    fn exists(self) -> bool {
        self.stored == Stored::F32 || !matches!(self.form, Form::Tile { .. } | Form::Direct { queries: 4, .. })
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
            (Stored::F16, true) => include_str!("../flash/memory_half_vector.wgsl"),
            (Stored::F16, false) => include_str!("../flash/memory_half.wgsl"),
            (Stored::Bits8, _) => include_str!("../flash/memory_bits8.wgsl"),
            (Stored::Bits4, _) => include_str!("../flash/memory_bits4.wgsl"),
        };
        let seen =
            if self.plain { include_str!("../flash/seen_plain.wgsl") } else { include_str!("../flash/seen.wgsl") };
        let (sizes, body) = match self.form {
            Form::Tile { side, columns, halves } => {
                let number = if halves { "f16" } else { "f32" };
                let numbers = format!("alias Four = vec4<{number}>;\nconst SHORT = {halves};\n");
                (format!("const SIDE = {side}u;\nconst COLUMNS = {columns}u;\n{numbers}"), tile(halves))
            }
            Form::Few { rows, columns } => (
                format!("const ROWS = {rows}u;\nconst COLUMNS = {columns}u;\n"),
                include_str!("../flash/few.wgsl").into(),
            ),
            Form::Team { rows, columns, lanes } => (
                format!("const ROWS = {rows}u;\nconst COLUMNS = {columns}u;\nconst LANES = {lanes}u;\n"),
                include_str!("../flash/team.wgsl").into(),
            ),
            Form::Direct { queries, parts } => (
                format!("const QUERIES = {queries}u;\nconst PARTS = {parts}u;\n"),
                include_str!("../flash/direct.wgsl").into(),
            ),
        };
        let subgroups = matches!(self.form, Form::Team { .. });
        let sum = if subgroups { EXCHANGES } else { "" };
        let halves = if self.needs_halves() { HALVES } else { "" };
        [halves, extensions(subgroups), include_str!("../flash/sight.wgsl"), seen, rows, memory, &sizes, sum, &body]
            .join("\n")
    }

    /// Values of the shader's `override` constants.
    pub(super) fn constants(self) -> Vec<(&'static str, f64)> {
        let known = [("CAUSAL", self.causal), ("PADDED", self.masked), ("CACHED", self.cached)];
        known.map(|(name, value)| (name, f64::from(u8::from(value)))).to_vec()
    }

    /// Whether it computes with 16-bit floats.
    pub(super) fn needs_halves(self) -> bool {
        matches!(self.form, Form::Tile { halves: true, .. })
    }

    /// What is bound where.
    pub(super) fn bindings(self) -> &'static [Access] {
        &[Read, Read, Read, Read, Read, Read, Read, Write, Uniform]
    }
}

/// The body of tiles, with what multiplies such numbers.
fn tile(halves: bool) -> String {
    let (multiply, weigh) = if halves {
        (include_str!("../flash/multiply_half.wgsl"), include_str!("../flash/weigh_half.wgsl"))
    } else {
        (include_str!("../flash/multiply_float.wgsl"), include_str!("../flash/weigh_float.wgsl"))
    };
    let body = include_str!("../flash/tile.wgsl");
    body.replace("            //: multiply\n", multiply).replace("            //: weigh\n", weigh)
}

impl Form {
    /// Teams for rows of so many vectors, those that answer most first. Only as wide as a row or half of it: four
    /// lanes are for tests, on GPUs that are none.
    pub fn teams(columns: u32, lanes: u32) -> impl Iterator<Item = Self> {
        let vectors = columns / lanes;
        let fits = move |rows: &u32| (1..=2).contains(&vectors) && rows * vectors <= MOST_KEPT;
        ROWS.into_iter().filter(fits).map(move |rows| Self::Team { rows, columns, lanes })
    }

    /// For heads of 64 numbers.
    fn is_usual(self) -> bool {
        match self {
            Self::Tile { side, columns, .. } => side * columns == 16,
            Self::Few { columns, .. } | Self::Team { columns, .. } => columns == 16,
            Self::Direct { parts, .. } => parts == 16,
        }
    }

    /// Bytes of workgroup memory.
    #[must_use]
    pub fn workgroup_bytes(self) -> u32 {
        match self {
            Self::Tile { side, halves, .. } => {
                let staged = 2 * 4 * side * 9 + 32 * side;
                (if halves { 8 } else { 16 }) * staged + 16 * side * side
            }
            Self::Few { rows, columns } => 16 * rows * columns + 2 * 4 * 256 * rows + (16 + 4) * 256 + 8 * rows,
            Self::Team { rows, columns, lanes } => (256 / lanes) * rows * (16 * columns + 8),
            Self::Direct { .. } => 0,
        }
    }
}

//! How a product of matrices is cut up.

/// How a product is cut up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tiling {
    /// A workgroup shares operands in its memory.
    Tile {
        /// Threads on each side of the workgroup; each computes 4 × 4 results.
        side: u32,
    },
    /// Every thread for itself.
    Direct,
    /// One result per thread.
    Single,
    /// A workgroup shares operands for 64 rows and 128 columns. Of linear layers only.
    Wide,
    /// A workgroup multiplies on matrix units. Of linear layers only.
    Matrix {
        /// Subgroups below each other, with 32 rows each.
        down: u32,
    },
    /// A few threads share a few rows and columns. Of linear layers only.
    Team {
        /// Rows of x.
        rows: u32,
        /// Rows of weights.
        columns: u32,
        /// Threads of a team.
        lanes: u32,
        /// Whether they exchange registers.
        subgroups: bool,
    },
}

impl Tiling {
    pub(super) fn constants(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Tile { side } => vec![("SIDE", f64::from(side))],
            Self::Team { lanes, .. } => vec![("TEAM", f64::from(lanes))],
            Self::Direct | Self::Single | Self::Wide | Self::Matrix { .. } => Vec::new(),
        }
    }
}

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
    /// One result per four threads. Of attention only.
    Sliced,
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
        /// Neighbours that exchange registers, at most [`MOST_LANES`]: the team, or one of several parts of it that meet in
        /// memory. 0 if all meet there.
        exchange: u32,
        /// Whether those neighbours are a subgroup.
        whole: bool,
        /// Units that a thread takes, all of them at once; 0 if one after the other.
        steps: u32,
    },
}

/// Threads that exchange registers at most.
pub const MOST_LANES: u32 = 32;
/// Units that a thread has on their way at most. With four of them an H200 takes a third longer than one after the other:
/// so many registers leave room for few threads.
pub const MOST_STEPS: u32 = 2;

impl Tiling {
    pub(super) fn constants(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Tile { side } => vec![("SIDE", f64::from(side))],
            Self::Team { lanes, exchange: 0, .. } => vec![("TEAM", f64::from(lanes)), ("LANES", f64::from(lanes))],
            Self::Team { lanes, exchange, whole, .. } => {
                vec![("TEAM", f64::from(lanes)), ("LANES", f64::from(exchange)), ("WHOLE", f64::from(u8::from(whole)))]
            }
            Self::Direct | Self::Single | Self::Sliced | Self::Wide | Self::Matrix { .. } => Vec::new(),
        }
    }
}

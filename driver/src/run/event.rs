//! Every event of a run: the only thing store and terminal know of it.

use matrix_engine::protocol::{Measure, Traced};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use crate::measure::Stop;
use crate::plan::{Cell, CellId};

/// The [level](Event::Logged) of what a page could not do as it was asked to, and did otherwise.
pub const FALLBACK: &str = "fallback";

/// The level of what the engine wants whoever asked to know, such as a glob that matches nothing.
pub const WARNING: &str = "warning";

/// One thing that happened. A store records what is told together in one transaction: an event, or samples of a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run begins (or goes on, when it was resumed).
    RunStarted {
        /// The run.
        run: RunInfo,
        /// Everything planned, in order.
        cells: Vec<Cell>,
    },
    /// The truth about where the next attempt runs.
    EnvironmentSeen {
        /// The fingerprint; its `id` is what attempts refer to.
        environment: Box<Environment>,
    },
    /// An attempt at a cell begins.
    AttemptStarted {
        /// Which cell.
        cell: CellId,
        /// 1, 2, …
        attempt: u32,
        /// Id of the [`Environment`]; none when no session could be opened.
        environment: Option<String>,
    },
    /// One number was measured.
    Sampled {
        /// Which cell.
        cell: CellId,
        /// Which attempt.
        attempt: u32,
        /// Which arm.
        arm: Arm,
        /// Block of the pairing: baseline and treatment of one block ran next to each other.
        block: u32,
        /// The number.
        measure: Measure,
        /// False when something disturbed it; the reason is in the log.
        valid: bool,
    },
    /// The page, the browser or the driver said something about a cell.
    Logged {
        /// Which cell.
        cell: CellId,
        /// `error`, `warn` or `info` of a console, [`WARNING`] or [`FALLBACK`].
        level: String,
        /// Untrusted text.
        text: String,
    },
    /// Evidence that is a file: a screenshot, a console log.
    Kept {
        /// Which cell.
        cell: CellId,
        /// `screenshot`, `console`, `driver-log`, …
        kind: String,
        /// The bytes; stored under their hash.
        bytes: Vec<u8>,
    },
    /// Enough was sampled, or no more could be.
    SamplingStopped {
        /// Which cell.
        cell: CellId,
        /// Which attempt.
        attempt: u32,
        /// Blocks that were taken.
        blocks: u32,
        /// Why.
        reason: Stop,
    },
    /// What operations of an arm take by themselves; never part of what is timed.
    Traced {
        /// Which cell.
        cell: CellId,
        /// Which attempt.
        attempt: u32,
        /// Which arm.
        arm: Arm,
        /// Its operations.
        operations: Vec<Traced>,
    },
    /// An attempt is over.
    AttemptEnded {
        /// Which cell.
        cell: CellId,
        /// Which attempt.
        attempt: u32,
        /// How it went.
        outcome: Status,
        /// Why, in one sentence; empty for a pass.
        reason: String,
    },
    /// No further attempt will be made at a cell.
    CellFinished {
        /// Which cell.
        cell: CellId,
        /// Its status.
        status: Status,
        /// Why; empty for a pass.
        reason: String,
    },
    /// The run is over.
    RunFinished {
        /// How.
        status: RunStatus,
    },
}

/// Identity of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Sortable by time, unique.
    pub id: String,
    /// Name of the matrix.
    pub name: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Hash of the matrix file.
    pub matrix_hash: String,
    /// Hash of the page and the engine's wasm.
    pub engine_hash: String,
}

/// Which of the two configurations a sample belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// Without the optimizations.
    Baseline,
    /// With them.
    Treatment,
}

impl Arm {
    /// The word in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Treatment => "treatment",
        }
    }
}

/// Status of a cell or of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Ran, and the numbers are right.
    Pass,
    /// Wrong numbers or an error.
    Fail,
    /// Took longer than allowed, or went silent.
    Timeout,
    /// The browser, its driver or the page died.
    Crash,
    /// The browser lacks what the cell needs.
    Unsupported,
    /// The browser or the weights are not on this machine.
    Unavailable,
    /// Excluded, or the run was interrupted before it.
    Skipped,
    /// Passed on a retry.
    Flaky,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Flaky,
        Self::Fail,
        Self::Timeout,
        Self::Crash,
        Self::Unsupported,
        Self::Unavailable,
        Self::Skipped,
    ];

    /// The word in the store and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Skipped => "skipped",
            Self::Flaky => "flaky",
        }
    }

    /// Whether numbers were measured and are right.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Pass | Self::Flaky)
    }

    /// Whether a run with such a cell has failed.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Timeout | Self::Crash)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Under way, or killed.
    Running,
    /// Every cell was attempted.
    Finished,
    /// Stopped by the user; can be resumed.
    Interrupted,
}

impl RunStatus {
    /// The word in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
        }
    }
}

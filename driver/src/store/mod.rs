//! Everything measured, in one SQLite file: written from events, read as rows, queried with SQL.
//!
//! Raw samples are the truth; effects are derived from them and can be computed again.

mod database;
mod derive;
mod merging;
mod query;
mod read;
mod record;
mod write;

pub use database::{Access, Store};
pub use derive::Recomputed;
pub use merging::Merging;
pub use query::{Rows, Value, query};
pub use read::{ArtifactRow, AttemptRow, CellRow, LogRow, RunRow, SampleRow};
pub use record::Recorder;

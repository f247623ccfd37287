//! Workers that fetch ranges and make weights of them beside the engine: Web Workers in a browser, threads natively.
//! None of them has a device; what they make comes back as bytes.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
pub mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::Crew;
#[cfg(target_arch = "wasm32")]
pub use web::Crew;

use serde::{Deserialize, Serialize};

use super::made::{Made, Rows};
use crate::load::{Chunk, folder::Place};

/// A range, and what is to be made of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The file.
    pub place: Place,
    /// First byte.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
    /// What is in them.
    pub rows: Vec<Rows>,
}

/// What a worker brings.
pub enum Brought {
    /// The bytes, of which everything is stored as it is.
    Bytes(Chunk),
    /// What was made of the rows, one by one.
    Made(Vec<Made>),
}

impl Job {
    /// Whether nothing has to be made.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.rows.iter().all(Rows::are_stored_as_they_are)
    }
}

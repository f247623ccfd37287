//! The weights of a model: which ones it needs ([`declare`]), how each is stored ([`mod@format`]), and the
//! stored bytes on a device ([`store`], brought by [`loader`]).
//!
//! A model only declares. Precision is a property of a stored weight, chosen when it is loaded; what files hold as
//! integers ([`packed`]) looks to a model like any other weight.

pub mod coming;
pub mod component;
pub mod crew;
pub mod declare;
pub mod format;
pub mod glob;
pub mod half;
pub mod importance;
pub mod integer;
pub mod loader;
pub mod made;
pub mod packed;
pub mod pressure;
#[cfg(feature = "gpu")]
pub mod quantizer;
pub mod residency;
mod rows;
#[cfg(not(target_arch = "wasm32"))]
pub mod save;
pub mod store;
#[cfg(feature = "gpu")]
pub mod synthesis;
mod taking;

pub use coming::Coming;
pub use declare::{Declared, Param, Role, Stored, Weights};
pub use format::Format;
pub use packed::Packed;
pub use residency::{Residency, Traffic};
pub use store::{Store, Weight};

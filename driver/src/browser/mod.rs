//! Everything known about browsers: what they are called, how they are found, started and installed.

mod id;

pub use id::BrowserId;

//! The page under test and the loopback server it talks to.
//!
//! A host (a page in a browser, or the engine in a child process) asks the server for steps and
//! posts outcomes; the runner holds the other end as a [`Link`]. Time is taken in the host, never here.

mod bundle;
mod digest;
mod guard;
mod hub;
mod server;
mod wire;

pub use bundle::{engine_hash, wasm_bytes};
pub use hub::{Hello, Link, LinkError, Note, Numbered};
pub use server::Server;

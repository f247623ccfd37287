//! Inference in the browser: WebGPU and WebAssembly, every optimization switchable.
//!
//! The modules in the order in which data flows through them:
//!
//! | module | from → to |
//! |---|---|
//! | [`catalog`], [`protocol`] | the words and messages shared with the driver |
//! | [`error`], [`clock`] | what everything below may use |
//! | [`audio`] | samples → features, the input of audio models |
//! | [`load`] | folder or seed → configuration and named tensors |
//! | [`weights`] | named tensors → stored weights, each in its format |
//! | [`block`], [`model`] | configuration → declared weights and the graph of a forward pass |
//! | [`cache`] | keys and values of a pass → what later passes attend to |
//! | [`graph`] | operations with shape rules → a plan of steps over reused buffers |
//! | [`kernel`] | operation → plain reference, fast CPU form, WGSL |
//! | [`device`] | buffers, counted exactly, on CPU or GPU |
//! | [`program`] | plan + device → outputs |
//! | [`forward`], [`generate`] | inputs → outputs in one pass; prompt → ids, pass after pass |
//! | [`precompile`] | what will be computed → the shaders it takes |
//! | [`bench`] | one kernel → its time and its error |
//! | [`host`] | a driver's steps → outcomes |
//! | `page` | the same, for JavaScript |
//! | `conformance` | outputs + reference case → how far they are off |
//!
//! Invariants:
//! - `model` and `block` import neither `device` nor `kernel`, and know no dtype and no optimization.
//! - A reference kernel knows shapes and storage formats only; every other form is tested against it.
//! - A [`device::Space`] is the only way to make a buffer, so its ledger is exact.
//! - Nothing a file, a page or a device says can make the engine panic; it becomes an [`error::Error`].
//! - Only `page` exports to JavaScript.

pub mod catalog;
pub mod tensor;

pub mod protocol;

pub mod clock;
pub mod error;

pub mod audio;

pub mod load;
pub mod weights;

pub mod block;
pub mod cache;
pub mod model;

pub mod graph;
pub mod kernel;

pub mod device;
pub mod program;

pub mod forward;
pub mod front_end;
pub mod generate;
pub mod precompile;

pub mod bench;

pub mod host;

#[cfg(target_arch = "wasm32")]
pub mod page;

#[cfg(not(target_arch = "wasm32"))]
pub mod conformance;

//! Inference in the browser: WebGPU and WebAssembly, every optimization switchable.

pub mod catalog;
pub mod protocol;

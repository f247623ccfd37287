//! Files as they are found in the wild, and everything that can be wrong with one.

mod activations;
mod copy;
mod decoders;
mod loading;
mod packed;
mod packing;
mod refused;
mod scarce;
mod senses;
mod variants;

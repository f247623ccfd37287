//! Files as they are found in the wild, and everything that can be wrong with one.

mod copy;
mod decoders;
mod loading;
mod refused;
mod scarce;
mod senses;
mod variants;

//! Group-wise integer weights: a row is cut into groups, and a weight is `(code − zero) · scale` with one
//! scale, and perhaps one zero point, per group.
//!
//! [`Layout`] says where what is stored, [`calibration`] chooses scale and zero point, [`quantize`] makes
//! the codes, and a [`Matrix`] reads them back.

pub mod calibration;
mod group;
mod layout;
mod matrix;
mod quantize;

pub use layout::{BLOCK, Layout};
pub use matrix::Matrix;
pub use quantize::{Factors, quantize};

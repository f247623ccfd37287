//! One run against another, or against itself, and a series of runs over time.
//!
//! Inside a run baseline and treatment are paired. Two runs are not: their values are compared by ranks and medians, and
//! only where browser, device and machine are the same; everything else is incomparable, which is never "worse".

mod comparison;
mod conditions;
mod history;
mod merge;
mod side;
mod standing;

pub use comparison::{Comparison, Judge, Line};
pub use conditions::differences;
pub use history::{History, Point};
pub use merge::{Merged, merge};
pub use side::Side;
pub use standing::{Standing, failed, standing, updated};

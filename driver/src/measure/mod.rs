//! From raw samples to what can be said: effects with intervals, when to stop, how right the numbers are. Pure.

mod accuracy;
mod dependence;
mod effect;
mod interval;
mod metric;
mod multiple;
#[cfg(test)]
mod random;
mod ranks;
mod shift;
#[cfg(test)]
mod simulation;
mod step;
mod stop;
mod student;

pub use accuracy::{Accuracy, Agreement, Mismatch, Ranking};
pub use effect::{Effect, Verdict};
pub use interval::{Interval, median};
pub use metric::{Better, Compare, Metric, Unit};
pub use multiple::{ALPHA, adjust};
pub use shift::{Change, Shift};
pub use step::{Level, levels};
pub use stop::{Stop, Watched, stop};

//! From raw samples to what can be said: effects with intervals, when to stop, how right the numbers are. Pure.

mod accuracy;
mod effect;
mod interval;
mod metric;
mod ranks;
mod stop;

pub use accuracy::{Accuracy, Agreement, Mismatch};
pub use effect::{Effect, Verdict};
pub use interval::{Interval, median};
pub use metric::{Better, Compare, Metric, Unit};
pub use stop::{Stop, half_width, stop};

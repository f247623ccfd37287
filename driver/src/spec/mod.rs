//! What the user wrote: a matrix file, flags and environment variables, read and checked, every value with its origin.
//!
//! Nothing here touches anything but the file it is told to read.

mod combination;
mod environment;
mod expected;
mod file;
mod flags;
mod gate;
mod glob;
mod goal;
mod include;
mod integer;
mod known;
mod kv_cache;
mod loading;
mod model;
mod node;
mod optimization;
mod origin;
mod pace;
mod place;
mod quantity;
mod resolve;
mod scenario;
mod schema;
mod selector;
mod setting;
mod tree;
mod word;
mod written;

pub use combination::{Combinations, Rule};
pub use expected::{Expected, Outcome};
pub use flags::Flags;
pub use gate::{FailOn, Gate, LAST_GREEN, compared};
pub use glob::matches as glob;
pub use goal::{GOALS, Goal, Limit};
pub use include::Include;
pub use integer::calibrations;
pub use known::{CONDITIONS, Known, Pattern};
pub use model::DEFAULT_SIZE;
pub use optimization::{Chosen, OPTIMIZATIONS, Optimization, find as optimization};
pub use origin::{Origin, Sourced};
pub use quantity::{Bytes, Percent};
pub use resolve::Spec;
pub use scenario::{Drawn, MAX_LATENCY_MS, MAX_LENGTHS, MAX_MBPS, MAX_SECONDS, MAX_TEMPERATURE, MAX_TOKENS, Scenario};
pub use schema::schema;
pub use selector::{Selector, is_model};
pub use setting::{Kind, Setting, Value};
pub use word::{UnknownWord, Word, nearest, parse as word};

//! What operations take by themselves.

use serde::{Deserialize, Serialize};

/// All operations of one kind in one pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traced {
    /// `infer`; `encode`, `prefill` and `token` where text goes on; `hear` where a GPU makes features of sound.
    pub pass: String,
    /// The kernel that a GPU ran, or the operation that a CPU did.
    pub kernel: String,
    /// How many of them the pass has.
    pub count: u32,
    /// Milliseconds of all of them, each timed by itself: what runs side by side in the pass takes less there.
    pub ms: f64,
    /// `gpu` or `wall`: which clock they are from.
    pub clock: String,
}

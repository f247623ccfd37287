//! Exact live and peak bytes of one slot, and how they went. No browser tells how much GPU memory is in use, so
//! counting every buffer as it is made and freed is the only reliable figure.

use std::cell::RefCell;

use super::timeline::History;
use crate::{
    clock,
    protocol::{Memory, Timeline, Usage},
};

/// What bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Weights in their stored format.
    Weights,
    /// Inputs, outputs and everything between them.
    Activations,
    /// Keys and values kept from one pass to the next.
    Kv,
    /// Parameters of kernels.
    Parameters,
    /// Values on their way into a weight.
    Upload,
    /// Copies on their way to the CPU.
    Staging,
    /// Fetched, and what is made of it, until the device has it.
    InFlight,
    /// Weights kept beside the device: outside of the module's heap in a browser.
    Offloaded,
}

impl Category {
    /// Every category, in the order of charts.
    pub const ALL: [Self; 8] = [
        Self::Weights,
        Self::Kv,
        Self::Activations,
        Self::Parameters,
        Self::Upload,
        Self::Staging,
        Self::InFlight,
        Self::Offloaded,
    ];

    /// The word used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Activations => "activations",
            Self::Kv => "kv",
            Self::Parameters => "parameters",
            Self::Upload => "upload",
            Self::Staging => "staging",
            Self::InFlight => "in_flight",
            Self::Offloaded => "offloaded",
        }
    }

    /// Whether its bytes are on the device.
    #[must_use]
    pub fn on_device(self) -> bool {
        !matches!(self, Self::InFlight | Self::Offloaded)
    }
}

/// Counts bytes.
#[derive(Debug)]
pub struct Ledger {
    started: f64,
    memory: RefCell<Memory>,
    history: RefCell<History>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { started: clock::now(), memory: RefCell::default(), history: RefCell::default() }
    }
}

impl Ledger {
    /// Bytes were taken.
    pub fn add(&self, category: Category, bytes: u64) {
        let mut memory = self.memory.borrow_mut();
        let memory = &mut *memory;
        let usage = memory.categories.entry(category.name().to_owned()).or_default();
        let total = category.on_device().then_some(&mut memory.total);
        for usage in [Some(usage), total, Some(&mut memory.whole)].into_iter().flatten() {
            usage.live += bytes;
            usage.peak = usage.peak.max(usage.live);
        }
        self.history.borrow_mut().changed(clock::now() - self.started, category, i128::from(bytes));
    }

    /// Bytes were given back.
    pub fn remove(&self, category: Category, bytes: u64) {
        let mut memory = self.memory.borrow_mut();
        let memory = &mut *memory;
        let usage = memory.categories.get_mut(category.name());
        let total = category.on_device().then_some(&mut memory.total);
        for usage in [usage, total, Some(&mut memory.whole)].into_iter().flatten() {
            usage.live -= bytes;
        }
        self.history.borrow_mut().changed(clock::now() - self.started, category, -i128::from(bytes));
    }

    /// The counts.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.memory.borrow().clone()
    }

    /// How the counts went since there were none.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        self.history.borrow().timeline()
    }

    /// Peaks start anew from what is live.
    pub fn reset_peak(&self) {
        let mut memory = self.memory.borrow_mut();
        let memory = &mut *memory;
        for usage in memory.categories.values_mut().chain([&mut memory.total, &mut memory.whole]) {
            *usage = Usage { live: usage.live, peak: usage.live };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_the_total_is_not_the_sum_of_peaks() {
        let ledger = Ledger::default();
        ledger.add(Category::Staging, 10);
        ledger.remove(Category::Staging, 10);
        ledger.add(Category::Weights, 7);
        let memory = ledger.memory();
        assert_eq!(memory.total, Usage { live: 7, peak: 10 });
        assert_eq!(memory.categories["staging"], Usage { live: 0, peak: 10 });
        ledger.reset_peak();
        assert_eq!(ledger.memory().total, Usage { live: 7, peak: 7 });
    }

    #[test]
    fn what_is_not_on_the_device_counts_in_the_whole_only() {
        let ledger = Ledger::default();
        ledger.add(Category::InFlight, 10);
        ledger.add(Category::Weights, 7);
        ledger.remove(Category::InFlight, 10);
        let memory = ledger.memory();
        assert_eq!((memory.total, memory.whole), (Usage { live: 7, peak: 7 }, Usage { live: 7, peak: 17 }));
    }
}

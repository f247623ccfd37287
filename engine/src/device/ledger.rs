//! Exact live and peak bytes of one slot. No browser tells how much GPU memory is in use, so counting
//! every buffer as it is made and freed is the only reliable figure.

use std::cell::RefCell;

use crate::protocol::{Memory, Usage};

/// What a buffer is for.
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
}

impl Category {
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
        }
    }
}

/// Counts the bytes of buffers.
#[derive(Debug, Default)]
pub struct Ledger(RefCell<Memory>);

impl Ledger {
    /// A buffer was made.
    pub fn add(&self, category: Category, bytes: u64) {
        let mut memory = self.0.borrow_mut();
        let memory = &mut *memory;
        let usage = memory.categories.entry(category.name().to_owned()).or_default();
        for usage in [usage, &mut memory.total] {
            usage.live += bytes;
            usage.peak = usage.peak.max(usage.live);
        }
    }

    /// A buffer was freed.
    pub fn remove(&self, category: Category, bytes: u64) {
        let mut memory = self.0.borrow_mut();
        memory.total.live -= bytes;
        if let Some(usage) = memory.categories.get_mut(category.name()) {
            usage.live -= bytes;
        }
    }

    /// The counts.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.0.borrow().clone()
    }

    /// Peaks start anew from what is live.
    pub fn reset_peak(&self) {
        let mut memory = self.0.borrow_mut();
        let memory = &mut *memory;
        for usage in memory.categories.values_mut().chain([&mut memory.total]) {
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
}

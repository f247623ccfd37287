//! How the bytes of a slot went: as many moments as a chart can show, the highest among them always.

use super::Category;
use crate::protocol::{Moment, Timeline};

/// Most moments that are kept.
const MOMENTS: usize = 512;
/// Categories of a moment.
const COUNT: usize = Category::ALL.len();

/// Moments at which bytes changed. When there are too many, of each two neighbours the higher stays, so that
/// what stays is never below what was and the peak is exact.
#[derive(Debug, Default)]
pub(super) struct History {
    live: [u64; COUNT],
    moments: Vec<(f64, [u64; COUNT])>,
}

impl History {
    /// A category has so many bytes more, or fewer.
    pub(super) fn changed(&mut self, ms: f64, category: Category, by: i128) {
        let place = Category::ALL.iter().position(|other| *other == category).unwrap_or(0);
        self.live[place] = u64::try_from(i128::from(self.live[place]) + by).unwrap_or(0);
        // Moments that the clock can't tell apart are one, unless the first of them was higher.
        if let Some((last, bytes)) = self.moments.last_mut()
            && ms <= *last
            && sum(bytes) <= sum(&self.live)
        {
            *bytes = self.live;
            return;
        }
        if self.moments.len() == MOMENTS {
            // The last one stays out of it: it is what is live.
            let last = self.moments.pop();
            let higher = |pair: &[(f64, [u64; COUNT])]| {
                let highest = pair.iter().copied().max_by_key(|(_, bytes)| sum(bytes));
                highest.unwrap_or_default()
            };
            self.moments = self.moments.chunks(2).map(higher).chain(last).collect();
        }
        self.moments.push((ms, self.live));
    }

    pub(super) fn timeline(&self) -> Timeline {
        let ever = |place: &usize| self.moments.iter().any(|(_, bytes)| bytes[*place] > 0);
        let places: Vec<usize> = (0..COUNT).filter(ever).collect();
        let moment = |(ms, bytes): &(f64, [u64; COUNT])| Moment {
            ms: *ms,
            bytes: places.iter().map(|place| bytes[*place]).collect(),
        };
        Timeline {
            categories: places.iter().map(|place| Category::ALL[*place].name().to_owned()).collect(),
            moments: self.moments.iter().map(moment).collect(),
            weights: Vec::new(),
        }
    }
}

fn sum(bytes: &[u64; COUNT]) -> u64 {
    bytes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_bounded_and_the_highest_stays() {
        let mut history = History::default();
        let mut highest = 0;
        for step in 0..10_000_u32 {
            let (up, down) = (i128::from(step * 7919 % 1000), i128::from(step * 104_729 % 900));
            history.changed(f64::from(step), Category::InFlight, up);
            highest = highest.max(sum(&history.live));
            history.changed(f64::from(step) + 0.5, Category::InFlight, -down.min(i128::from(history.live[6])));
        }
        let Timeline { categories, moments, .. } = history.timeline();
        assert_eq!(categories, ["in_flight"]);
        assert!(moments.len() <= MOMENTS, "{}", moments.len());
        assert!(moments.is_sorted_by(|a, b| a.ms <= b.ms));
        assert_eq!(moments.iter().map(|moment| moment.bytes[0]).max(), Some(highest));
        assert_eq!(moments.last().map(|moment| moment.bytes[0]), Some(history.live[6]));
    }

    #[test]
    fn moments_at_once_are_one() {
        let mut history = History::default();
        history.changed(1.0, Category::Weights, 5);
        history.changed(1.0, Category::Kv, 2);
        history.changed(1.0, Category::Kv, -2);
        let Timeline { categories, moments, .. } = history.timeline();
        assert_eq!(categories, ["weights", "kv"]);
        assert_eq!(moments.iter().map(|moment| moment.bytes.clone()).collect::<Vec<_>>(), [vec![5, 2], vec![5, 0]]);
    }
}

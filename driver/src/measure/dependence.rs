//! How much values measured one after the other say the same.

use super::interval::{count, student};

/// How far each value of a series follows the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dependence {
    /// Number of values.
    n: usize,
    /// Correlation of the ranks of neighbours, from −1 to 1; as seen, which is too low by about (1 + 3r) / n.
    seen: f64,
}

/// How far above the estimate the correlation is taken to be, in its standard errors. By simulation: intervals of
/// independent values get 5 to 10 % wider, those of dependent ones hold the truth as often as they say.
const MARGIN: f64 = 0.7;

/// Values that depend on each other more than this are one value.
const MOST: f64 = 0.95;

impl Dependence {
    /// The dependence of values in the order they were measured.
    pub(super) fn of(values: &[f64]) -> Self {
        let ranks = mid_ranks(values);
        let mean = (count(values.len()) - 1.0) / 2.0;
        let total: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
        let shared: f64 = ranks.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
        // Where all are equal, nothing speaks against independence, for which this is what is seen.
        let unseen = -1.0 / (count(values.len()) + 3.0);
        Self { n: values.len(), seen: if total > 0.0 { shared / total } else { unseen } }
    }

    /// How many times more the median varies than that of independent values.
    pub(super) fn spread(self) -> f64 {
        let error = ((1.0 - self.seen * self.seen) / count(self.n)).sqrt();
        self.inflation(self.seen + MARGIN * error).sqrt()
    }

    /// How many times wider an interval of the median must be than one of independent values: the median varies more,
    /// and how much is known from fewer values.
    pub(super) fn stretch(self) -> f64 {
        let effective = (count(self.n) / self.spread().powi(2)).max(2.5);
        self.spread() * student(effective - 1.0) / student(count(self.n) - 1.0)
    }

    /// Sum over lags k of 1 + 2·(1 − k/n)·(correlation of the signs at k). The signs of normal values with correlation ρ
    /// correlate by 2/π·asin ρ, and ρ decays with the lag as in a first-order process.
    fn inflation(self, seen: f64) -> f64 {
        let n = count(self.n);
        let correlation = (seen + (1.0 + 3.0 * self.seen) / n).clamp(0.0, MOST);
        let (mut sum, mut lagged) = (1.0, correlation);
        for lag in 1..self.n {
            sum += 2.0 * (1.0 - count(lag) / n) * std::f64::consts::FRAC_2_PI * lagged.asin();
            lagged *= correlation;
        }
        sum
    }
}

/// Ranks from 0; equal values share their mean rank.
pub(super) fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tie in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = count(2 * first + tie.len() - 1) / 2.0;
        tie.iter().for_each(|index| ranks[*index] = rank);
        first += tie.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_rank() {
        assert_eq!(mid_ranks(&[5.0, 1.0, 5.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
    }

    #[test]
    fn what_rises_depends_and_what_alternates_does_not() {
        let rising: Vec<f64> = (0..20).map(f64::from).collect();
        let alternating: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
        assert!(Dependence::of(&rising).stretch() > 2.0);
        assert!((Dependence::of(&alternating).stretch() - 1.0).abs() < 1e-12);
        assert!(Dependence::of(&[3.0; 9]).stretch().is_finite());
    }
}

//! Wilcoxon's signed-rank test: could the differences as well have had the other sign?

/// Up to this many differences the distribution is computed exactly.
const EXACT: usize = 100;

/// Two-sided p of `differences`; 1 when all are zero. Zeros are dropped, ties share their mean rank.
#[must_use]
pub(super) fn signed_rank_p(differences: &[f64]) -> f64 {
    let mut values: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    values.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = doubled_ranks(&values);
    let positive: usize = values.iter().zip(&ranks).filter(|(value, _)| **value > 0.0).map(|(_, rank)| rank).sum();
    let total: usize = ranks.iter().sum();
    let extreme = positive.min(total - positive);
    if values.is_empty() {
        1.0
    } else if values.len() <= EXACT {
        exact_p(&ranks, extreme)
    } else {
        normal_p(&ranks, extreme)
    }
}

/// Twice the rank of every value, so that the mean rank of a tie is a whole number.
fn doubled_ranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for tie in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        let first = ranks.len() + 1;
        let last = ranks.len() + tie.len();
        ranks.extend(std::iter::repeat_n(first + last, tie.len()));
    }
    ranks
}

/// Share of all sign patterns whose smaller rank sum is at most `extreme`.
fn exact_p(ranks: &[usize], extreme: usize) -> f64 {
    // chance[s]: share of the sign patterns of the ranks so far whose positive ranks add up to s.
    let mut chance = vec![0.0; extreme + 1];
    chance[0] = 1.0;
    for &rank in ranks {
        for sum in (0..chance.len()).rev() {
            let with = if sum >= rank { chance[sum - rank] } else { 0.0 };
            chance[sum] = f64::midpoint(chance[sum], with);
        }
    }
    (2.0 * chance.iter().sum::<f64>()).min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "rank sums stay far below 2^53")]
fn normal_p(ranks: &[usize], extreme: usize) -> f64 {
    let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
    let deviation = ranks.iter().map(|rank| (rank * rank) as f64).sum::<f64>().sqrt() / 2.0;
    let z = (mean - extreme as f64) / deviation;
    upper_tail(z).mul_add(2.0, 0.0).min(1.0)
}

/// Chance that a standard normal number exceeds `z` ≥ 0; Abramowitz and Stegun 26.2.17, error below 1e-7.
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let polynomial = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530]
        .into_iter()
        .fold(0.0, |sum, factor| (sum + factor) * t);
    polynomial * (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cases_are_exact() {
        // All of n differences positive: 2 of 2^n patterns are as extreme.
        assert!((signed_rank_p(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 2.0 / 32.0).abs() < 1e-12);
        // Rank 1 negative: sums 0 and 1, on both sides, 4 of 64 patterns.
        assert!((signed_rank_p(&[-0.5, 2.0, 3.0, 4.0, 5.0, 6.0]) - 4.0 / 64.0).abs() < 1e-12);
        assert!((signed_rank_p(&[1.0, -1.0]) - 1.0).abs() < 1e-12);
        assert!((signed_rank_p(&[0.0, 0.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_approximation_meets_the_exact_value() {
        let differences: Vec<f64> = (1..=EXACT).map(|i| if i % 3 == 0 { -(i as f64) } else { i as f64 }).collect();
        let ranks = doubled_ranks(&differences);
        let positive: usize = differences.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
        let extreme = positive.min(ranks.iter().sum::<usize>() - positive);
        let (exact, approximate) = (exact_p(&ranks, extreme), normal_p(&ranks, extreme));
        assert!((exact - approximate).abs() < 0.001, "{exact} {approximate}");
    }
}

//! Tests by ranks: could the differences as well have had the other sign?

use super::dependence::Dependence;

/// Up to this many differences the distribution is computed exactly.
const EXACT: usize = 100;

/// Wilcoxon's signed-rank test of differences in the order they were measured; two-sided. Differences that follow each
/// other count as fewer.
#[must_use]
pub(super) fn signed_rank_p(differences: &[f64]) -> f64 {
    weakened(independent_p(differences), Dependence::of(differences).spread())
}

/// The same for differences that know nothing of each other. 1 when all are zero. Zeros are dropped, ties share their
/// mean rank.
fn independent_p(differences: &[f64]) -> f64 {
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

/// The p of a test whose statistic, taken as normal, lies `stretch` times nearer to zero than it assumes.
pub(super) fn weakened(p: f64, stretch: f64) -> f64 {
    if stretch <= 1.0 || p >= 1.0 {
        return p;
    }
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if 2.0 * upper_tail(middle) > p { low = middle } else { high = middle }
    }
    2.0 * upper_tail(low / stretch)
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
    (2.0 * upper_tail(z)).min(1.0)
}

/// Chance that a standard normal number exceeds `z` ≥ 0: a Chebyshev fit of the complementary error function, relative
/// error below 1.2e-7 (Press et al., Numerical Recipes, 6.2).
pub(super) fn upper_tail(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let series = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ]
    .into_iter()
    .fold(0.0, |sum, factor| sum * t + factor);
    0.5 * t * (series - x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cases_are_exact() {
        // All of n differences positive: 2 of 2^n patterns are as extreme.
        assert!((independent_p(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 2.0 / 32.0).abs() < 1e-12);
        // Rank 1 negative: sums 0 and 1, on both sides, 4 of 64 patterns.
        assert!((independent_p(&[-0.5, 2.0, 3.0, 4.0, 5.0, 6.0]) - 4.0 / 64.0).abs() < 1e-12);
        assert!((independent_p(&[1.0, -1.0]) - 1.0).abs() < 1e-12);
        assert!((independent_p(&[0.0, 0.0]) - 1.0).abs() < 1e-12);
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

    #[test]
    fn tails_are_those_of_the_tables() {
        for (z, tail) in [(0.0, 0.5), (1.0, 0.158_655), (1.959_964, 0.025), (6.0, 9.865_9e-10)] {
            assert!((upper_tail(z) / tail - 1.0).abs() < 1e-4, "{z}");
        }
    }

    #[test]
    fn evidence_that_repeats_itself_is_weaker() {
        assert!((weakened(0.01, 1.0) - 0.01).abs() < 1e-12);
        assert!((weakened(0.01, 2.0) - 2.0 * upper_tail(2.575_829 / 2.0)).abs() < 1e-6);
        let drifting: Vec<f64> = (1..=12).map(f64::from).collect();
        assert!(signed_rank_p(&drifting) > 10.0 * independent_p(&drifting));
    }
}

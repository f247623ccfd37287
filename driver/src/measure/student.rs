//! Student's test of differences, for so few of them that ranks can't tell an effect from chance: all signs alike, five
//! differences still have a p of 0.06 by ranks, however large they are. It asks for differences that vary like normal
//! numbers; where they have long tails, as logarithms of ratios of times do, it finds less, not more.

use super::dependence::Dependence;
use super::interval::count;
use super::ranks::weakened;

/// Below so many differences ranks are too coarse.
pub(super) const FEW: usize = 10;

/// The test of differences in the order they were measured; two-sided. Differences that follow each other count as fewer.
#[must_use]
pub(super) fn student_p(differences: &[f64]) -> f64 {
    weakened(independent_p(differences), Dependence::of(differences).spread())
}

/// The same for differences that know nothing of each other. 1 when all are zero, or for fewer than two.
fn independent_p(differences: &[f64]) -> f64 {
    let n = count(differences.len());
    if differences.len() < 2 {
        return 1.0;
    }
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    if mean == 0.0 {
        return 1.0;
    }
    beyond(mean.abs() / (variance / n).sqrt(), differences.len() - 1)
}

/// Chance that Student's t with so many degrees of freedom is further from zero than `t` (Abramowitz and Stegun 1964,
/// 26.7.3 and 26.7.4).
fn beyond(t: f64, freedom: usize) -> f64 {
    let angle = t.atan2(count(freedom).sqrt());
    let (sine, cosine) = angle.sin_cos();
    // Factors k / (k + 1) · cos² from an even or an odd k on.
    let (mut term, mut sum) = if freedom.is_multiple_of(2) { (1.0, 1.0) } else { (cosine, cosine) };
    let first = if freedom.is_multiple_of(2) { 1 } else { 2 };
    for k in (first..freedom.saturating_sub(2)).step_by(2) {
        term *= count(k) / count(k + 1) * cosine * cosine;
        sum += term;
    }
    let within = match freedom {
        1 => std::f64::consts::FRAC_2_PI * angle,
        _ if freedom.is_multiple_of(2) => sine * sum,
        _ => std::f64::consts::FRAC_2_PI * (angle + sine * sum),
    };
    (1.0 - within).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        let table = [
            (1, 12.706_205),
            (2, 4.302_653),
            (3, 3.182_446),
            (4, 2.776_445),
            (5, 2.570_582),
            (6, 2.446_912),
            (8, 2.306_004),
            (9, 2.262_157),
        ];
        for (freedom, t) in table {
            assert!((beyond(t, freedom) - 0.05).abs() < 1e-6, "{freedom}: {}", beyond(t, freedom));
        }
        assert!((beyond(4.604_095, 4) - 0.01).abs() < 1e-6);
        assert!(beyond(1e9, 4) < 1e-12);
    }

    #[test]
    fn five_clear_differences_are_enough_and_five_of_both_signs_are_not() {
        assert!(student_p(&[-2.1, -1.9, -2.0, -2.2, -1.8]) < 1e-3);
        assert!(student_p(&[-2.1, 1.9, -2.0, 2.2, 0.1]) > 0.5);
        assert!(student_p(&[-2.1, -1.9, 9.0, -2.2, -1.8]) > 0.3, "one that is far off makes the rest worth little");
        assert_eq!([student_p(&[0.0; 5]), student_p(&[1.0])], [1.0, 1.0]);
        assert!(student_p(&[0.7; 5]) < 1e-9);
    }
}

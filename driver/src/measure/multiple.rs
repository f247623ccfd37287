//! Many comparisons at once.

/// The share of false alarms a run may have: an effect is one only when its adjusted p is at most this. When nothing
/// has an effect at all, a whole matrix then stays silent in 97.5 % of its runs.
pub const ALPHA: f64 = 0.025;

/// Adjusts the p of all comparisons of a run, by Benjamini and Hochberg (1995).
///
/// Holm's method would promise more, no false alarm in any run, but p of ranks has a floor (2⁻⁹ for ten pairs), which Holm
/// raises above any level in a matrix of a dozen cells, however clear its effects. Here many clear effects carry each
/// other; when there is none, both methods promise the same. Metrics of one cell move together, for which the method
/// holds too (Benjamini and Yekutieli 2001).
#[must_use]
pub fn adjust(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (rank, &index) in order.iter().enumerate().rev() {
        #[expect(clippy::cast_precision_loss, reason = "numbers of comparisons stay far below 2^53")]
        let raised = p[index] * p.len() as f64 / (rank + 1) as f64;
        least = least.min(raised);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_method_is_reproduced() {
        // Table 1 of the article has fifteen p; at 0.05 it rejects the four smallest.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let adjusted = adjust(&p);
        assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), 4);
        assert!((adjusted[0] - 0.0015).abs() < 1e-12 && (adjusted[3] - 0.035_625).abs() < 1e-12, "{adjusted:?}");
    }

    #[test]
    fn order_does_not_matter_and_none_is_none() {
        assert_eq!(adjust(&[]), Vec::<f64>::new());
        assert_eq!(adjust(&[0.04, 0.01]), [0.04, 0.02]);
    }
}

//! Where a series of results changed its level.

use super::interval::{count, median};

/// A stretch of a series with one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Its first point.
    pub first: usize,
    /// The median of its points.
    pub value: f64,
}

/// Fewest points of a level: one point may always be an accident.
const FEWEST: usize = 2;

/// Most points looked at, the last ones: the work grows with their square.
const MOST: usize = 400;

/// How much a level must explain, in mean absolute deviations of the noise and logarithms of the length. By simulation:
/// series without a step are left whole in 97 % of the cases.
const PENALTY: f64 = 3.0;

/// The levels of a series, in order: the partition with the least sum of distances from its medians, where every
/// further level must pay for itself (optimal partitioning; Jackson et al. 2005). The noise is taken from the
/// differences of neighbours, which steps hardly touch. Empty for an empty series.
#[must_use]
pub fn levels(values: &[f64]) -> Vec<Level> {
    let offset = values.len().saturating_sub(MOST);
    let values = &values[offset..];
    let n = values.len();
    let Some(whole) = median(&mut values.to_vec()) else { return Vec::new() };
    if n < 2 * FEWEST {
        return vec![Level { first: offset, value: whole }];
    }
    let mut jumps: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let average = jumps.iter().sum::<f64>() / count(jumps.len());
    // The typical jump, or, where most are zero, a share of the average one.
    let noise = median(&mut jumps).unwrap_or(0.0).max(0.25 * average) / std::f64::consts::SQRT_2;
    if noise == 0.0 {
        return vec![Level { first: offset, value: whole }];
    }
    let penalty = PENALTY * noise * count(n).ln();
    // best[end]: least cost of the first `end` points, and where their last level begins.
    let mut best = vec![(f64::INFINITY, 0); n + 1];
    best[0] = (-penalty, 0);
    for end in FEWEST..=n {
        let mut sorted: Vec<f64> = Vec::with_capacity(end);
        for first in (0..end).rev() {
            let at = sorted.partition_point(|value| *value < values[first]);
            sorted.insert(at, values[first]);
            if end - first < FEWEST || best[first].0.is_infinite() {
                continue;
            }
            let middle = sorted[sorted.len() / 2];
            let cost: f64 = sorted.iter().map(|value| (value - middle).abs()).sum();
            let total = best[first].0 + cost + penalty;
            if total < best[end].0 {
                best[end] = (total, first);
            }
        }
    }
    let mut found = Vec::new();
    let mut end = n;
    while end > 0 {
        let first = best[end].1;
        let value = median(&mut values[first..end].to_vec()).unwrap_or(whole);
        found.push(Level { first: first + offset, value });
        end = first;
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    fn noisy(levels: &[(usize, f64)], noise: f64, random: &mut Random) -> Vec<f64> {
        let of = |&(n, level): &(usize, f64)| std::iter::repeat_n(level, n);
        levels.iter().flat_map(of).collect::<Vec<_>>().into_iter().map(|v| v + noise * random.normal()).collect()
    }

    #[test]
    fn a_series_without_a_step_is_left_whole() {
        let mut random = Random(3);
        for n in [5, 12, 40] {
            let whole = (0..300).filter(|_| levels(&noisy(&[(n, 50.0)], 2.0, &mut random)).len() == 1).count();
            assert!(whole >= 282, "{n} points: {whole} of 300");
        }
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let mut random = Random(4);
        let found = (0..200).filter(|_| {
            let levels = levels(&noisy(&[(12, 50.0), (8, 40.0)], 1.0, &mut random));
            levels.len() == 2 && levels[1].first == 12 && (levels[1].value - 40.0).abs() < 2.0
        });
        let found = found.count();
        assert!(found >= 190, "{found} of 200");
    }

    #[test]
    fn one_accident_is_no_step() {
        let mut values = vec![50.0, 51.0, 49.5, 50.5, 50.2, 49.8, 50.4, 50.1, 49.9, 50.6];
        values[4] = 20.0;
        assert_eq!(levels(&values).len(), 1, "{:?}", levels(&values));
    }

    #[test]
    fn short_and_flat_series_have_one_level() {
        assert!(levels(&[]).is_empty());
        assert_eq!(levels(&[1.0, 9.0]).len(), 1);
        assert_eq!(levels(&[85.2; 30]), [Level { first: 0, value: 85.2 }]);
        // Exact metrics have no noise but that of the step itself.
        let exact = [[85.2; 6], [70.0; 6]].concat();
        assert_eq!(levels(&exact).iter().map(|level| level.first).collect::<Vec<_>>(), [0, 6]);
    }
}

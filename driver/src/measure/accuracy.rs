//! How far an output is from its reference.

use std::fmt;

use matrix_engine::protocol::{Measure, Tensor};

/// Distance of a tensor of floats from its reference. Always finite: values that are not numbers count as lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Cosine of the angle between both, taken as vectors.
    pub cosine: f64,
    /// Largest difference of two values.
    pub max_abs: f64,
    /// Largest difference relative to the reference value, or to the reference's root mean square where that is larger:
    /// a value that happens to be near zero says nothing.
    pub max_rel: f64,
    /// Values that are not finite where the reference is.
    pub lost: usize,
}

/// How far two sets of logits agree, one distribution per row of the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Mean Kullback-Leibler divergence from the reference, in nats.
    pub kl: f64,
    /// Share of rows with the same largest logit.
    pub top1: f64,
}

/// How far the order of similarities between embeddings agrees: what a search with them depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// Spearman's rank correlation of the cosines of all pairs of rows.
    pub correlation: f64,
}

impl Ranking {
    /// Compares embeddings `[rows, width]` with their reference; none below four rows, whose few pairs say nothing.
    ///
    /// # Errors
    /// When their shapes differ, one holds integers, or they are empty.
    pub fn of(reference: &Tensor, other: &Tensor) -> Result<Option<Self>, Mismatch> {
        let width = reference.shape.last().copied().unwrap_or(1).max(1);
        let (reference, other) = floats(reference, other)?;
        let similarities = |values: &[f32]| -> Vec<f64> {
            let rows: Vec<&[f32]> = values.chunks(width).collect();
            let pairs = rows.iter().enumerate().flat_map(|(i, a)| rows[i + 1..].iter().map(move |b| (*a, *b)));
            pairs.map(|(a, b)| cosine(a, b)).collect()
        };
        if reference.len() / width < 4 {
            return Ok(None);
        }
        let [a, b] = [reference, other].map(|values| ranks(&similarities(values)));
        Ok(Some(Self { correlation: correlation(&a, &b) }))
    }

    /// The sample that says this.
    #[must_use]
    pub fn measure(&self) -> Measure {
        Measure { metric: "accuracy.rank".into(), value: self.correlation, unit: "ratio".into() }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    if cosine.is_finite() { cosine } else { 0.0 }
}

/// The rank of every value, from 0.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    order.into_iter().enumerate().for_each(|(rank, at)| ranks[at] = count(rank));
    ranks
}

/// Pearson's correlation; of ranks it is Spearman's.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count(values.len().max(1));
    let (of_a, of_b) = (mean(a), mean(b));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - of_a) * (b - of_b);
        first += square_of(a - of_a);
        second += square_of(b - of_b);
    }
    let correlation = both / (first * second).sqrt();
    if correlation.is_finite() { correlation } else { 0.0 }
}

fn square_of(value: f64) -> f64 {
    value * value
}

/// Two tensors that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl Accuracy {
    /// Compares a tensor with its reference.
    ///
    /// # Errors
    /// When their shapes differ, one holds integers, or they are empty.
    pub fn of(reference: &Tensor, other: &Tensor) -> Result<Self, Mismatch> {
        let (reference, other) = floats(reference, other)?;
        let root_mean_square = (reference.iter().map(|a| square(*a)).sum::<f64>() / count(reference.len())).sqrt();
        let (mut dot, mut norm_a, mut norm_b) = (0.0, 0.0, 0.0);
        let mut accuracy = Self { cosine: 0.0, max_abs: 0.0, max_rel: 0.0, lost: 0 };
        for (&a, &b) in reference.iter().zip(other) {
            if !b.is_finite() && a.is_finite() {
                accuracy.lost += 1;
                continue;
            }
            let (a, b) = (f64::from(a), f64::from(b));
            let difference = (a - b).abs();
            accuracy.max_abs = accuracy.max_abs.max(difference);
            let scale = a.abs().max(root_mean_square);
            accuracy.max_rel = accuracy.max_rel.max(if scale > 0.0 { difference / scale } else { difference });
            dot += a * b;
            norm_a += a * a;
            norm_b += b * b;
        }
        let norms = (norm_a * norm_b).sqrt();
        // Two zero vectors are equal; one zero vector has no direction.
        accuracy.cosine =
            if norms > 0.0 { (dot / norms).clamp(-1.0, 1.0) } else { f64::from(u8::from(norm_a == norm_b)) };
        if accuracy.lost > 0 || !accuracy.cosine.is_finite() {
            accuracy = Self { cosine: 0.0, max_abs: f64::MAX, max_rel: f64::MAX, lost: accuracy.lost };
        }
        Ok(accuracy)
    }

    /// The worse of both in every respect.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            cosine: self.cosine.min(other.cosine),
            max_abs: self.max_abs.max(other.max_abs),
            max_rel: self.max_rel.max(other.max_rel),
            lost: self.lost + other.lost,
        }
    }

    /// The samples that say this.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        let measure = |metric: &str, value, unit: &str| Measure { metric: metric.into(), value, unit: unit.into() };
        vec![
            measure("accuracy.cosine", self.cosine, "ratio"),
            measure("accuracy.max_abs", self.max_abs, "abs"),
            measure("accuracy.max_rel", self.max_rel, "ratio"),
        ]
    }
}

impl Agreement {
    /// Compares logits with their reference.
    ///
    /// # Errors
    /// When their shapes differ, one holds integers, or they are empty.
    pub fn of(reference: &Tensor, other: &Tensor) -> Result<Self, Mismatch> {
        let width = reference.shape.last().copied().unwrap_or(1).max(1);
        let (reference, other) = floats(reference, other)?;
        let rows = reference.chunks(width).zip(other.chunks(width));
        let (mut kl, mut same) = (0.0, 0.0);
        for (a, b) in rows {
            let (log_a, log_b) = (log_softmax(a), log_softmax(b));
            let row: f64 = log_a.iter().zip(&log_b).map(|(p, q)| p.exp() * (p - q)).sum();
            kl += if row.is_finite() { row.max(0.0) } else { f64::MAX / count(reference.len()) };
            same += f64::from(u8::from(largest(a) == largest(b)));
        }
        let rows = count(reference.len() / width);
        Ok(Self { kl: kl / rows, top1: same / rows })
    }

    /// The samples that say this.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        let measure = |metric: &str, value, unit: &str| Measure { metric: metric.into(), value, unit: unit.into() };
        vec![measure("accuracy.kl", self.kl, "nats"), measure("accuracy.top1", self.top1, "ratio")]
    }
}

fn floats<'a>(reference: &'a Tensor, other: &'a Tensor) -> Result<(&'a [f32], &'a [f32]), Mismatch> {
    if reference.shape != other.shape {
        return Err(Mismatch(format!("the output has shape {:?}, its reference {:?}", other.shape, reference.shape)));
    }
    match (reference.as_f32(), other.as_f32()) {
        (Some([]), _) => Err(Mismatch("the output is empty".into())),
        (Some(reference), Some(other)) => Ok((reference, other)),
        _ => Err(Mismatch("only floats have a distance".into())),
    }
}

fn square(value: f32) -> f64 {
    f64::from(value) * f64::from(value)
}

#[expect(clippy::cast_precision_loss, reason = "lengths stay far below 2^53")]
fn count(length: usize) -> f64 {
    length as f64
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = row.iter().map(|value| (f64::from(*value) - top).exp()).sum();
    row.iter().map(|value| f64::from(*value) - top - sum.ln()).collect()
}

/// Position of the largest value; none when a value is not a number, so that it agrees with nothing real.
fn largest(row: &[f32]) -> Option<usize> {
    if row.iter().any(|value| value.is_nan()) {
        return None;
    }
    row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(position, _)| position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::f32(&[1, values.len()], values.to_vec())
    }

    #[test]
    fn equal_tensors_are_at_no_distance() {
        let a = tensor(&[1.0, -2.0, 3.0]);
        let accuracy = Accuracy::of(&a, &a).expect("comparable");
        assert!((accuracy.cosine - 1.0).abs() < 1e-12);
        assert_eq!((accuracy.max_abs, accuracy.max_rel, accuracy.lost), (0.0, 0.0, 0));
        let zero = tensor(&[0.0, 0.0]);
        assert_eq!(Accuracy::of(&zero, &zero).expect("comparable").cosine, 1.0);
    }

    #[test]
    fn errors_are_measured_against_the_reference() {
        let accuracy = Accuracy::of(&tensor(&[2.0, 0.0]), &tensor(&[1.0, 0.0])).expect("comparable");
        assert!((accuracy.max_abs - 1.0).abs() < 1e-12);
        assert!((accuracy.max_rel - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_nan_is_never_accurate_and_never_spreads() {
        let accuracy = Accuracy::of(&tensor(&[1.0, 2.0]), &tensor(&[1.0, f32::NAN])).expect("comparable");
        assert_eq!((accuracy.cosine, accuracy.lost), (0.0, 1));
        assert!(accuracy.measures().iter().all(|measure| measure.value.is_finite()));
        let agreement = Agreement::of(&tensor(&[1.0, 2.0]), &tensor(&[1.0, f32::NAN])).expect("comparable");
        assert!(agreement.kl.is_finite() && agreement.top1 == 0.0);
    }

    #[test]
    fn shapes_and_kinds_must_match() {
        assert!(Accuracy::of(&tensor(&[1.0]), &tensor(&[1.0, 2.0])).is_err());
        assert!(Accuracy::of(&Tensor::i32(&[1], vec![1]), &Tensor::i32(&[1], vec![1])).is_err());
        assert!(Accuracy::of(&tensor(&[]), &tensor(&[])).is_err());
    }

    #[test]
    fn logits_agree_when_their_order_does() {
        let agreement = Agreement::of(&tensor(&[1.0, 3.0, 2.0]), &tensor(&[2.0, 4.0, 3.0])).expect("comparable");
        assert!(agreement.kl.abs() < 1e-12 && agreement.top1 == 1.0);
        let other = Agreement::of(&tensor(&[1.0, 3.0]), &tensor(&[3.0, 1.0])).expect("comparable");
        assert!(other.kl > 1.0 && other.top1 == 0.0);
    }

    #[test]
    fn the_order_of_similarities_is_what_a_search_depends_on() {
        let rows = |values: &[f32]| Tensor::f32(&[values.len() / 2, 2], values.to_vec());
        let angles = |of: [f32; 5]| rows(&of.map(|angle| [angle.cos(), angle.sin()]).concat());
        let reference = angles([0.0, 0.1, 0.4, 1.1, 2.6]);
        let of = |other| Ranking::of(&reference, &other).expect("shapes are equal").expect("enough rows").correlation;
        assert!((of(reference.clone()) - 1.0).abs() < 1e-12);
        // Lengths and a little noise change no order; other places do.
        assert!((of(angles([0.0, 0.101, 0.4, 1.1, 2.6])) - 1.0).abs() < 1e-12);
        assert!(of(angles([2.6, 0.1, 1.1, 0.0, 0.4])) < 0.9);
        let few = rows(&[1.0, 0.0, 0.0, 1.0]);
        assert_eq!(Ranking::of(&few, &few), Ok(None), "one pair has no order");
        assert!(Ranking::of(&reference, &few).is_err());
    }
}

//! What operations of a cell take by themselves.

use matrix_engine::protocol::Traced;
use serde::Serialize;

use crate::measure::Metric;
use crate::printable::printable;
use crate::run::event::Arm;

/// The operations of one pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PassView {
    /// `hear`, `infer`, `encode`, `prefill`, `token`.
    pub pass: String,
    /// Its name for people.
    pub title: String,
    /// `gpu` or `wall`: which clock the times are from.
    pub clock: String,
    /// All operations of the baseline, and of the treatment, as text.
    pub totals: [String; 2],
    /// Those that take longest.
    pub operations: Vec<OperationView>,
    /// How many kinds take less than those.
    pub others: usize,
}

/// All operations of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperationView {
    /// The kernel.
    pub kernel: String,
    /// How many the baseline has, and how long they take; empty when it has none.
    pub baseline: String,
    /// The same of the treatment.
    pub treatment: String,
    /// Their shares of the longer pass, in percent.
    pub shares: [f64; 2],
}

/// Kinds of operations that are shown of a pass.
const SHOWN: usize = 12;

const TITLES: [(&str, &str); 5] = [
    ("hear", "Features of sound"),
    ("infer", "Inference"),
    ("encode", "Encoder"),
    ("prefill", "Prompt"),
    ("token", "One token"),
];

impl PassView {
    /// The passes of a cell, in the order they are made.
    pub(super) fn all(traced: &[(Arm, Traced)]) -> Vec<Self> {
        let passes = TITLES.iter().filter(|(pass, _)| traced.iter().any(|(_, operation)| operation.pass == *pass));
        passes.map(|(pass, title)| Self::of(pass, title, traced)).collect()
    }

    fn of(pass: &str, title: &str, traced: &[(Arm, Traced)]) -> Self {
        let here: Vec<&(Arm, Traced)> = traced.iter().filter(|(_, operation)| operation.pass == pass).collect();
        let total = |arm: Arm| here.iter().filter(|(of, _)| *of == arm).map(|(_, operation)| operation.ms).sum::<f64>();
        let totals = [Arm::Baseline, Arm::Treatment].map(total);
        let longest = totals[0].max(totals[1]).max(f64::MIN_POSITIVE);
        let mut kernels: Vec<(&str, [Option<&Traced>; 2])> = Vec::new();
        for (arm, operation) in &here {
            let at = kernels.iter().position(|(kernel, _)| *kernel == operation.kernel).unwrap_or_else(|| {
                kernels.push((&operation.kernel, [None, None]));
                kernels.len() - 1
            });
            kernels[at].1[usize::from(*arm == Arm::Treatment)] = Some(operation);
        }
        let ms = |operation: Option<&Traced>| operation.map_or(0.0, |operation| operation.ms);
        kernels.sort_by(|(_, a), (_, b)| ms(b[0]).max(ms(b[1])).total_cmp(&ms(a[0]).max(ms(a[1]))));
        let text = |ms: f64| Metric::named("infer_time").show(ms);
        let shown = |operation: Option<&Traced>| {
            operation.map_or(String::new(), |operation| format!("{} × · {}", operation.count, text(operation.ms)))
        };
        let operations = kernels.iter().take(SHOWN).map(|(kernel, [baseline, treatment])| OperationView {
            kernel: printable(kernel).into_owned(),
            baseline: shown(*baseline),
            treatment: shown(*treatment),
            shares: [*baseline, *treatment].map(|operation| (1000.0 * ms(operation) / longest).round() / 10.0),
        });
        Self {
            pass: pass.into(),
            title: title.into(),
            clock: here.first().map_or(String::new(), |(_, operation)| printable(&operation.clock).into_owned()),
            totals: totals.map(text),
            operations: operations.collect(),
            others: kernels.len().saturating_sub(SHOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_both_arms_stand_beside_each_other_and_what_takes_longest_comes_first() {
        let traced = |arm, pass: &str, kernel: &str, count, ms| {
            (arm, Traced { pass: pass.into(), kernel: kernel.into(), count, ms, clock: "gpu".into() })
        };
        let all = PassView::all(&[
            traced(Arm::Baseline, "token", "Add", 2, 1.0),
            traced(Arm::Baseline, "token", "Linear { F32 }", 4, 9.0),
            traced(Arm::Treatment, "token", "Linear { Int4 }", 4, 3.0),
            traced(Arm::Treatment, "token", "Add", 2, 1.0),
            traced(Arm::Treatment, "prefill", "Add", 1, 0.5),
            traced(Arm::Treatment, "unheard of", "Add", 1, 0.5),
        ]);
        let titles: Vec<&str> = all.iter().map(|pass| pass.title.as_str()).collect();
        assert_eq!(titles, ["Prompt", "One token"]);
        let token = &all[1];
        assert_eq!(token.totals, ["10.0 ms", "4.00 ms"]);
        let kernels: Vec<&str> = token.operations.iter().map(|operation| operation.kernel.as_str()).collect();
        assert_eq!(kernels, ["Linear { F32 }", "Linear { Int4 }", "Add"]);
        assert_eq!(token.operations[2].shares, [10.0, 10.0]);
        assert_eq!(
            (token.operations[0].treatment.as_str(), token.operations[2].baseline.as_str()),
            ("", "2 × · 1.00 ms")
        );
    }
}

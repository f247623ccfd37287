//! The times of an attempt so far: they decide when enough was sampled.

use std::collections::BTreeMap;
use std::time::Duration;

use matrix_engine::protocol::Measure;

use super::event::Arm;
use crate::measure::{Metric, Stop, Watched, stop};
use crate::plan::Cell;
use crate::spec::Limit;

/// Times of every metric.
#[derive(Debug, Default)]
pub(super) struct Times(BTreeMap<String, Blocks>);

/// Times of baseline and treatment, block by block.
type Blocks = BTreeMap<u32, (Option<f64>, Option<f64>)>;

impl Times {
    /// Takes note of a sample.
    pub(super) fn add(&mut self, arm: Arm, block: u32, measure: &Measure) {
        let pair = self.0.entry(measure.metric.clone()).or_default().entry(block).or_default();
        match arm {
            Arm::Baseline => pair.0 = Some(measure.value),
            Arm::Treatment => pair.1 = Some(measure.value),
        }
    }

    /// Whether enough is known of every metric, or time is up.
    pub(super) fn stop(&self, cell: &Cell, elapsed: Duration) -> Option<Stop> {
        let pairs = |blocks: &Blocks| blocks.values().filter_map(|&(b, t)| Some((b?, t?))).collect();
        let sampled: Vec<(&str, Vec<(f64, f64)>)> =
            self.0.iter().map(|(name, blocks)| (name.as_str(), pairs(blocks))).collect();
        let watched = sampled.iter().map(|(name, pairs)| Watched {
            metric: Metric::named(name),
            pairs,
            asked: asked(cell, name),
        });
        stop(&cell.sampling, &watched.collect::<Vec<_>>(), elapsed.as_secs_f64())
    }
}

/// The improvements in percent that the user asked for.
fn asked(cell: &Cell, metric: &str) -> Vec<f64> {
    let goals = cell.goals.iter().filter(|goal| goal.metric == metric);
    let limits =
        goals.filter_map(|goal| if let Limit::Change(change) = goal.limit { Some(-100.0 * change) } else { None });
    limits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::spec::{Flags, Goal, Spec};

    fn cell() -> Cell {
        let flags = Flags { models: vec!["bert".into()], optimizations: vec!["int4".into()], ..Flags::default() };
        Plan::new(&Spec::from_flags(&flags, |_| None).expect("a spec"), None, None).expect("a plan").cells.remove(0)
    }

    #[test]
    fn parts_of_the_work_are_watched_too() {
        let (cell, mut times) = (cell(), Times::default());
        let wobble = |block: u32, by: f64| 1.0 + by * f64::from((block * 7) % 11);
        for block in 0..12 {
            times.add(Arm::Baseline, block, &Measure::ms("infer_time", 10.0));
            times.add(Arm::Treatment, block, &Measure::ms("infer_time", 5.0));
        }
        assert_eq!(times.stop(&cell, Duration::ZERO), Some(Stop::Precise));
        for block in 0..12 {
            times.add(Arm::Baseline, block, &Measure::ms("token_time", 1.0));
            times.add(Arm::Treatment, block, &Measure::ms("token_time", wobble(block, 0.1) / 1.5));
        }
        assert_eq!(times.stop(&cell, Duration::ZERO), None);
        assert_eq!(times.stop(&cell, Duration::from_secs(60)), Some(Stop::Budget));
    }

    #[test]
    fn a_goal_is_what_was_asked_about() {
        let goal = Goal { word: "infer_time".into(), metric: "infer_time".into(), limit: Limit::Change(0.15) };
        let cell = Cell { goals: vec![goal], ..cell() };
        assert_eq!((asked(&cell, "infer_time"), asked(&cell, "token_time")), (vec![-15.0], Vec::new()));
    }
}

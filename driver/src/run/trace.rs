//! What operations take by themselves: asked when everything else has been measured.

use std::time::Instant;

use matrix_engine::protocol::{Outcome, Traced};

use super::attempt::{Attempt, Ended};
use super::event::{Arm, Event};

/// More kinds of operations, or longer names, no engine has.
const MOST: usize = 1000;
const LONGEST: usize = 500;

impl Attempt<'_> {
    /// Traces both arms, if that is wanted. What goes wrong is told, and costs the cell nothing.
    pub(super) async fn trace(&mut self) -> Result<(), Ended> {
        if !self.cell.sampling.trace {
            return Ok(());
        }
        for arm in [Arm::Baseline, Arm::Treatment] {
            // The other arm gets what is left of the cell's time.
            let limit_s = self.until.saturating_duration_since(Instant::now()).as_secs_f64() * 0.8;
            let step = self.reference.workload.traced(arm.name(), &self.reference.inputs);
            match self.perform(step, limit_s).await {
                Ok(Outcome::Traced { operations }) => self.traced(arm, operations)?,
                Ok(_) => self.say("warn", "the page's answer to 'trace' is not one".into())?,
                Err(Ended::Cell(_, reason)) => {
                    return self.say("info", format!("operations were not timed by themselves: {reason}"));
                }
                Err(run) => return Err(run),
            }
        }
        Ok(())
    }

    fn traced(&mut self, arm: Arm, mut operations: Vec<Traced>) -> Result<(), Ended> {
        operations.retain(|operation| operation.ms.is_finite() && operation.ms >= 0.0);
        operations.truncate(MOST);
        for operation in &mut operations {
            for text in [&mut operation.pass, &mut operation.kernel, &mut operation.clock] {
                *text = text.chars().take(LONGEST).collect();
            }
        }
        let (cell, attempt) = (self.cell.id.clone(), self.number);
        Ok(self.listeners.tell(&Event::Traced { cell, attempt, arm, operations })?)
    }
}

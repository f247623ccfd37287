//! Loads of both arms in turns, on one page: what a load takes when nothing but the load is new.

use std::time::Instant;

use matrix_engine::protocol::{Measure, Step};

use super::attempt::{Attempt, Ended, order};
use super::times::Times;

/// What a load takes on a page that has loaded before.
const RELOAD_TIME: &str = "reload_time";

impl Attempt<'_> {
    /// Blocks of one load of each arm, until enough is known, where the treatment loads otherwise than the baseline.
    /// Fresh pages are dear; here a pair of loads costs no more than the two.
    pub(super) async fn loads(&mut self) -> Result<(), Ended> {
        if !self.cell.treatment.loads_otherwise() {
            return Ok(());
        }
        let (mut started, mut times) = (Instant::now(), Times::default());
        for block in 0.. {
            let mut taken = Vec::with_capacity(2);
            for arm in order(block) {
                let measures = self.load(arm).await?;
                self.perform(Step::Unload { slot: arm.name().into() }, self.cell.timeouts.cell_s).await?;
                // A load that ends during the first work tells no time of its own.
                let Some(load) = measures.into_iter().find(|it| it.metric == "load_time") else { return Ok(()) };
                taken.push((arm, Measure::ms(RELOAD_TIME, load.value)));
            }
            let trusted = self.look()?;
            // The first block warms up.
            let Some(block) = block.checked_sub(1) else {
                started = Instant::now();
                continue;
            };
            let mut samples = Vec::new();
            for (arm, measure) in taken {
                times.add(arm, block, &measure);
                samples.extend(self.timed(arm, block, [measure], trusted));
            }
            self.record(&samples)?;
            if times.stop(self.cell, started.elapsed()).is_some() {
                break;
            }
        }
        Ok(())
    }
}

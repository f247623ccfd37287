//! Both arms on one page, in turns: what is steady.

use std::time::Instant;

use matrix_engine::protocol::Measure;

use super::attempt::{Attempt, Ended, order};
use super::event::{Arm, Event};
use super::times::Times;

/// The whole of what is timed.
const INFER_TIME: &str = "infer_time";

impl Attempt<'_> {
    /// Blocks of one computation of each arm, until enough is known.
    pub(super) async fn turns(&mut self) -> Result<(), Ended> {
        if self.cell.sampling.max == 0 {
            return Ok(());
        }
        self.fresh_page().await?;
        self.loads().await?;
        for arm in [Arm::Baseline, Arm::Treatment] {
            self.load(arm).await?;
        }
        // What is timed later has been done before: this time is thrown away.
        for arm in order(0) {
            self.hear(arm).await?;
            self.work(arm).await?;
        }
        self.look()?;
        let started = Instant::now();
        let mut times = Times::default();
        for block in 0.. {
            let mut taken = Vec::with_capacity(2);
            for arm in order(block) {
                let heard = self.hear(arm).await?;
                let mut work = self.work(arm).await?;
                work.parts.extend(heard);
                taken.push((arm, work));
            }
            let trusted = self.look()?;
            let mut samples = Vec::new();
            for (arm, taken) in taken {
                let measures: Vec<Measure> =
                    std::iter::once(Measure::ms(INFER_TIME, taken.total_ms)).chain(taken.parts).collect();
                measures.iter().for_each(|measure| times.add(arm, block, measure));
                samples.extend(self.timed(arm, block, measures, trusted));
            }
            self.record(&samples)?;
            if let Some(reason) = times.stop(self.cell, started.elapsed()) {
                let (cell, attempt, blocks) = (self.cell.id.clone(), self.number, block + 1);
                return Ok(self.listeners.tell(&Event::SamplingStopped { cell, attempt, blocks, reason })?);
            }
        }
        Ok(())
    }
}

//! What could make a time untrue, and what a strict run does about it: its times don't count.
//!
//! A hidden page is throttled by its browser, so its times never count. A software adapter, a page that is not
//! cross-origin isolated (its clock is coarse) and a machine that others use are told, and only in a strict run
//! invalidate times. Bytes and accuracy hold in any case.

use std::time::{Duration, Instant};

use crate::machine;
use crate::page::Hello;
use crate::session::Session;

/// A share of all CPUs that others may use without being noticed.
const FOREIGN_SHARE: f64 = 0.10;
/// The system counts CPU time in steps of 10 ms: over less than this a share means nothing.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is known about disturbances.
pub(super) struct Trust {
    strict: bool,
    software: bool,
    isolated: bool,
    hidden: bool,
    others: Vec<String>,
    before: Option<Look>,
    /// Whether others were busy at the last look that was long enough.
    busy: bool,
    /// Disturbances are told once.
    told_busy: bool,
}

/// CPU time at a moment.
struct Look {
    at: Instant,
    all: Duration,
    ours: Duration,
}

/// What a look found.
pub(super) struct Doubts {
    /// Whether times since the last look count.
    pub(super) trusted: bool,
    /// What there is to tell.
    pub(super) said: Vec<String>,
}

impl Trust {
    /// On a device that may be software, on a machine where other browsers may run.
    pub(super) fn new(strict: bool, software: bool, others: Vec<String>) -> Self {
        Self { strict, software, isolated: true, hidden: false, others, before: None, busy: false, told_busy: false }
    }

    /// Whether what computes is a GPU that is none.
    pub(super) fn software(&self) -> bool {
        self.software
    }

    /// Takes note of what a new page says.
    pub(super) fn page(&mut self, hello: &Hello) {
        self.isolated = hello.cross_origin_isolated;
        self.hidden = hello.visibility == "hidden";
    }

    /// Takes note of a page that is or was hidden.
    pub(super) fn hidden(&mut self) {
        self.hidden = true;
    }

    /// Takes note of a browser that was started anew: the CPU time of the one before is gone.
    pub(super) fn anew(&mut self, session: &mut dyn Session) {
        self.before = look(session);
    }

    /// What will not change during an attempt.
    pub(super) fn lasting(&self) -> Vec<String> {
        let other = self.others.iter().map(|name| format!("another browser is running: {name}"));
        let strict = (self.strict && self.software).then(|| "strict: times on a software adapter don't count".into());
        other.chain(strict).collect()
    }

    /// Looks at what happened since the last look.
    pub(super) fn look(&mut self, session: &mut dyn Session) -> Doubts {
        let mut said = Vec::new();
        if self.before.as_ref().is_none_or(|before| before.at.elapsed() >= SHORTEST) {
            let now = look(session);
            if let Some(share) = self.before.as_ref().zip(now.as_ref()).map(|(before, now)| foreign(before, now)) {
                self.busy = share > FOREIGN_SHARE;
                if self.busy && !self.told_busy {
                    self.told_busy = true;
                    said.push(format!("other programs used {:.0} % of this machine's CPUs meanwhile", share * 100.0));
                }
            }
            self.before = now;
        }
        let hidden = std::mem::take(&mut self.hidden);
        if hidden {
            said.push("the page was hidden: its times don't count".into());
        }
        let doubtful = self.software || !self.isolated || self.busy || !self.others.is_empty();
        Doubts { trusted: !(hidden || self.strict && doubtful), said }
    }
}

fn look(session: &mut dyn Session) -> Option<Look> {
    let ours = session.cpu_time()? + machine::own_cpu_time()?;
    Some(Look { at: Instant::now(), all: machine::busy_time()?, ours })
}

/// The share of all CPUs that neither the session nor this program used.
fn foreign(before: &Look, now: &Look) -> f64 {
    let all = now.all.saturating_sub(before.all);
    // Processes that ended in between took their account with them.
    let ours = now.ours.saturating_sub(before.ours);
    let whole = (now.at - before.at).as_secs_f64() * f64::from(machine::Machine::here().cores);
    all.saturating_sub(ours).as_secs_f64() / whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, all_ms: u64, ours_ms: u64) -> Look {
        let base = Instant::now();
        Look {
            at: base + Duration::from_secs(seconds),
            all: Duration::from_millis(all_ms),
            ours: Duration::from_millis(ours_ms),
        }
    }

    #[test]
    fn what_others_use_is_what_is_not_ours() {
        let cores = u64::from(machine::Machine::here().cores);
        let share = foreign(&at(0, 0, 0), &at(10, 5000 * cores, 2000 * cores));
        assert!((share - 0.3).abs() < 0.01, "{share}");
        assert!(foreign(&at(0, 0, 0), &at(10, 100, 400)).abs() < f64::EPSILON);
    }
}

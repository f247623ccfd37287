//! What a person sees while a run goes on: bars on a terminal, lines elsewhere.

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Error;
use crate::plan::{Cell, CellId};
use crate::printable::printable;
use crate::run::event::{Arm, Event, FALLBACK, RunStatus, Status, WARNING};
use crate::run::listener::Listener;

/// Progress on standard error.
pub struct Terminal {
    bars: Option<Bars>,
    quiet: bool,
    verbose: bool,
    cells: HashMap<CellId, String>,
    /// What the engine said already: many cells have one option.
    told: HashSet<String>,
    finished: usize,
    planned: usize,
    began: Instant,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    current: ProgressBar,
}

impl Terminal {
    /// Bars when standard error is a terminal and nothing was said against them.
    #[must_use]
    pub fn new(quiet: bool, verbose: bool, colour: bool) -> Self {
        let bars = (std::io::stderr().is_terminal() && !quiet).then(|| Bars::new(colour));
        let began = Instant::now();
        Self { bars, quiet, verbose, cells: HashMap::new(), told: HashSet::new(), finished: 0, planned: 0, began }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // A line that can't be shown must not end a run.
            Some(bars) => drop(bars.all.println(text)),
            None if self.quiet => {}
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    fn name(&self, cell: &CellId) -> &str {
        self.cells.get(cell).map_or("", String::as_str)
    }

    fn began(&mut self, name: &str, cells: &[Cell]) {
        self.planned = cells.len();
        self.cells = cells.iter().map(|cell| (cell.id.clone(), label(cell))).collect();
        self.line(&format!("{name}: {} cells", cells.len()));
        if let Some(bars) = &self.bars {
            bars.total.set_length(cells.len() as u64);
        }
    }

    fn finished(&mut self, cell: &CellId, status: Status, reason: &str) {
        self.finished += 1;
        let why = if reason.is_empty() { String::new() } else { format!(": {}", printable(reason)) };
        let progress =
            if self.bars.is_some() { String::new() } else { format!("[{}/{}] ", self.finished, self.planned) };
        if let Some(bars) = &self.bars {
            bars.total.inc(1);
            bars.current.set_message("");
        }
        self.line(&format!("{progress}{} {} {}{why}", mark(status), self.name(cell), status.name()));
    }

    /// Whether the engine itself says it, for the first time.
    fn is_news(&mut self, level: &str, text: &str) -> bool {
        matches!(level, WARNING | FALLBACK) && self.told.insert(text.to_owned())
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::RunStarted { run, cells } => self.began(&run.name, cells),
            Event::AttemptStarted { cell, attempt, .. } => {
                let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                if let Some(bars) = &self.bars {
                    bars.current.set_message(format!("{}{again}", self.name(cell)));
                }
            }
            Event::Sampled { cell, arm: Arm::Treatment, block, measure, .. } if measure.metric == "infer_time" => {
                if let Some(bars) = &self.bars {
                    bars.current.set_message(format!("{} block {block}", self.name(cell)));
                }
            }
            Event::Logged { cell, level, text } if self.verbose || level == "error" || self.is_news(level, text) => {
                self.line(&format!("  {level} {}: {}", self.name(cell), printable(text)));
            }
            Event::CellFinished { cell, status, reason } => self.finished(cell, *status, reason),
            Event::RunFinished { status } => {
                if let Some(bars) = &self.bars {
                    bars.total.finish_and_clear();
                    bars.current.finish_and_clear();
                }
                if *status == RunStatus::Interrupted {
                    self.line("interrupted; what was measured is kept");
                }
                self.line(&format!("{} of {} cells in {}", self.finished, self.planned, seconds(self.began.elapsed())));
            }
            _ => {}
        }
    }
}

impl Listener for Terminal {
    fn hear(&mut self, events: &[Event]) -> Result<(), Error> {
        events.iter().for_each(|event| self.show(event));
        Ok(())
    }
}

impl Bars {
    fn new(colour: bool) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let fill = if colour { "{bar:30.cyan/dim}" } else { "{bar:30}" };
        let total = format!("{fill} {{pos}}/{{len}} cells  {{elapsed}} gone  {{eta}} left");
        let plain = ProgressStyle::default_bar;
        let total = ProgressBar::new(0).with_style(plain().template(&total).unwrap_or_else(|_| plain()));
        let spinner = ProgressStyle::default_spinner;
        let style = spinner().template("{spinner} {wide_msg}").unwrap_or_else(|_| spinner());
        let current = ProgressBar::new_spinner().with_style(style);
        let (total, current) = (all.add(total), all.add(current));
        total.enable_steady_tick(Duration::from_millis(500));
        current.enable_steady_tick(Duration::from_millis(120));
        Self { all, total, current }
    }
}

fn label(cell: &Cell) -> String {
    let model = if cell.model.is_synthetic() { " (synthetic)" } else { "" };
    format!("{} {} {}{model} {}", cell.browser.name(), cell.platform.name(), cell.model.name, cell.treated())
}

fn mark(status: Status) -> char {
    match status {
        Status::Pass => '✓',
        Status::Flaky => '~',
        Status::Unsupported | Status::Unavailable | Status::Skipped => '-',
        Status::Fail | Status::Timeout | Status::Crash => '✗',
    }
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(seconds(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}

//! What GitHub's runner shows beside the code: workflow commands, one a line.

use super::comparison::sentence;
use super::view::View;
use crate::compare::Comparison;
use crate::measure::Change;

/// Most annotations of one step; GitHub shows no more than ten of a kind.
const MOST: usize = 10;

/// Annotations of a comparison: an error for each loss, a warning for what is unclear, a notice for the rest.
#[must_use]
pub fn annotations(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (change, level) in
        [(Change::Regressed, "error"), (Change::Inconclusive, "warning"), (Change::Improved, "notice")]
    {
        for line in comparison.lines.iter().filter(|line| line.change == change).take(MOST) {
            let what = match line.improvement_percent {
                Some(percent) => super::cell::signed(percent, false),
                None => line.why.clone(),
            };
            let message = format!("{}: {} {what}", line.title, line.metric);
            text.push_str(&command(level, &format!("matrix: {}", change.name()), &message));
        }
    }
    for note in comparison.notes.iter().take(MOST) {
        text.push_str(&command("notice", "matrix", note));
    }
    text + &command("notice", "matrix gate", &sentence(comparison))
}

/// Annotations of a run: an error for each cell that failed, a warning for each that passed on a retry only.
#[must_use]
pub(super) fn of_run(view: &View) -> String {
    let mut text = String::new();
    for cell in &view.cells {
        let level = match cell.status.as_str() {
            "fail" | "timeout" | "crash" => "error",
            "flaky" => "warning",
            _ => continue,
        };
        text.push_str(&command(
            level,
            &format!("matrix: {}", cell.status),
            &format!("{}: {}", cell.title, cell.reason),
        ));
    }
    text + &command("notice", "matrix", &format!("{}: {}", view.run.name, view.summary.sentence))
}

/// A workflow command; what would end it or begin another is written as GitHub's documentation of workflow commands says.
fn command(level: &str, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={property}::{}\n", data(message))
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn a_message_cannot_begin_another_command() {
        assert_eq!(
            command("error", "a,b: c", "100 %\n::set-output name=x::y"),
            "::error title=a%2Cb%3A c::100 %25%0A::set-output name=x::y\n"
        );
    }
}

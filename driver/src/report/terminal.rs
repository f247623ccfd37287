//! Tables for a terminal.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

use super::compat::Support;
use super::view::View;

/// How a terminal shows text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns; `None` to ask the terminal.
    pub width: Option<u16>,
    /// Whether to use colours.
    pub colour: bool,
}

impl Look {
    pub(super) fn apply(self, table: &mut Table) {
        if let Some(width) = self.width {
            table.set_width(width);
        }
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
    }
}

fn table(look: Look, header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    look.apply(&mut table);
    table.set_header(header.into_iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    table
}

/// Cells that could not run for one reason are named up to here.
const NAMED: usize = 2;

/// `[1,2]`.
fn marks(notes: &[usize]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let numbers: Vec<String> = notes.iter().map(ToString::to_string).collect();
    format!(" [{}]", numbers.join(","))
}

/// The compatibility table with its footnotes.
#[must_use]
pub(super) fn compat(view: &View, look: Look) -> String {
    let header = ["Browser", "Platform"].map(String::from).into_iter();
    let header = header.chain(view.columns.iter().map(|column| column.title.clone())).chain(["Ran".to_owned()]);
    let mut table = table(look, header);
    for row in &view.rows {
        let entries = row.entries.iter().map(|entry| {
            let colour = match entry.support {
                Support::Full => Color::Green,
                Support::Limited => Color::Yellow,
                Support::None => Color::Red,
                Support::NotRun => Color::DarkGrey,
            };
            Cell::new(format!("{}{}", entry.title, marks(&entry.notes))).fg(colour)
        });
        let start = [Cell::new(format!("{}{}", row.title, marks(&row.notes))), Cell::new(&row.platform)];
        table.add_row(start.into_iter().chain(entries).chain([Cell::new(&row.ran)]));
    }
    let mut text =
        format!("{} · {} · {}\n{}\n", view.run.name, view.run.started_at, view.summary.sentence, table.trim_fmt());
    for note in &view.notes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[{}] {}", note.number, note.text);
    }
    text
}

/// What the optimizations gained and cost, cell by cell.
#[must_use]
pub(super) fn effects(view: &View, look: Look) -> String {
    let header = ["Cell", "Metric", "Baseline", "Treatment", "Improvement", "95 % interval", "n", "Verdict"];
    let mut table = table(look, header.map(String::from));
    for cell in &view.cells {
        let mut title = cell.title.as_str();
        for effect in cell.effects.iter().filter(|effect| effect.is_main) {
            let colour = match effect.verdict.as_str() {
                "better" => Color::Green,
                "worse" => Color::Red,
                _ => Color::Reset,
            };
            let right = |text: &str| Cell::new(text).set_alignment(CellAlignment::Right);
            table.add_row([
                Cell::new(title),
                Cell::new(&effect.title),
                right(&effect.shown.baseline),
                right(&effect.shown.treatment),
                right(&effect.shown.improvement).fg(colour),
                right(&effect.shown.interval),
                right(&effect.samples.to_string()),
                Cell::new(&effect.verdict).fg(colour),
            ]);
            title = "";
        }
    }
    let mut text = format!("{}\nImprovement: positive is better.\n", table.trim_fmt());
    for without in &view.without {
        // What could not run here is many cells for one reason; what went wrong is named one by one.
        let (most, all) = (if without.expected { NAMED } else { usize::MAX }, without.cells.len());
        let named: Vec<&str> = without.cells.iter().take(most).map(|(_, title)| title.as_str()).collect();
        let more = if all > most { format!("\n  and {} more", all - most) } else { String::new() };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\n  {}{more}", without.sentence, named.join("\n  "));
    }
    if view.summary.any_synthetic {
        text.push_str("synthetic: published architecture, made-up weights; its times and bytes are real, its accuracy means little.\n");
    }
    text
}

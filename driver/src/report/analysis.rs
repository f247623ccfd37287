//! A run made for one question, told by charts and one table.

use std::fmt::Write as _;
use std::path::Path;

use minijinja::value::Serde;
use serde::Serialize;

use super::cell::signed;
use super::chart::ChartView;
use super::plot::escape;
use super::template;
use crate::error::Result;
use crate::measure::{Effect, Metric};
use crate::printable::printable;
use crate::run::event::Status;
use crate::store::{CellRow, RunRow, Store};

/// What stands where a cell has no value.
pub(super) const NOTHING: &str = "–";
/// More models than this are counted, not named, in a title.
const NAMED: usize = 3;

/// An analysis, ready to be shown.
#[derive(Serialize)]
pub struct Analysis {
    /// What is asked.
    pub(super) title: String,
    run: String,
    started_at: String,
    engine: String,
    /// On what it ran.
    ran: String,
    synthetic: bool,
    software: bool,
    /// What can be said in sentences.
    pub(super) findings: Vec<String>,
    /// What belongs together, such as everything of a model.
    pub(super) sections: Vec<Section>,
}

/// A part of the page: drawings, and a table below them.
#[derive(Serialize)]
pub(super) struct Section {
    /// What it is about.
    title: String,
    /// How to read it, where that is not said for all.
    text: String,
    charts: Vec<ChartView>,
    columns: Vec<Column>,
    /// A text for every column.
    rows: Vec<Vec<String>>,
}

/// A column of a table.
#[derive(Serialize)]
struct Column {
    head: &'static str,
    /// Whether all it has are numbers, which stand below each other.
    numbers: bool,
}

impl Section {
    /// A part whose table has those of the columns that say something.
    pub(super) fn new(title: impl Into<String>, columns: &[&'static str], rows: &[Vec<String>]) -> Self {
        let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
        let kept: Vec<usize> = (0..columns.len()).filter(|at| column(*at).any(|text| text != NOTHING)).collect();
        let is_number =
            |text: &String| text == NOTHING || text.starts_with(|c: char| "+−".contains(c) || c.is_ascii_digit());
        let row = |row: &Vec<String>| kept.iter().filter_map(|at| row.get(*at).cloned()).collect();
        Self {
            title: title.into(),
            text: String::new(),
            charts: Vec::new(),
            columns: kept.iter().map(|at| Column { head: columns[*at], numbers: column(*at).all(is_number) }).collect(),
            rows: rows.iter().map(row).collect(),
        }
    }

    /// With how to read it.
    pub(super) fn text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// With drawings.
    pub(super) fn charts(self, charts: impl IntoIterator<Item = ChartView>) -> Self {
        Self { charts: charts.into_iter().collect(), ..self }
    }
}

/// A cell of an analysis.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) row: CellRow,
    /// Its model, for people.
    pub(super) model: String,
    effects: Vec<(String, Effect)>,
}

impl Subject {
    /// The cells of a run.
    pub(super) fn all(store: &Store, run: &RunRow) -> Result<Vec<Self>> {
        let cells = store.cells(&run.info.id)?.into_iter();
        let subject = |row: CellRow| {
            let effects = store.effects(row.id)?;
            Ok(Self { model: printable(&row.cell.model.title()).into_owned(), effects, row })
        };
        cells.map(subject).collect()
    }

    /// An effect, if the cell's numbers are right.
    pub(super) fn effect(&self, metric: &str) -> Option<&Effect> {
        let works = self.row.status.is_some_and(Status::is_success);
        self.effects.iter().find(|(name, _)| works && name == metric).map(|(_, effect)| effect)
    }

    /// What the treatment has of a metric, as text.
    pub(super) fn value(&self, metric: &str) -> String {
        let effect = self.effect(metric);
        effect.map_or_else(|| NOTHING.into(), |effect| Metric::named(metric).show(effect.treatment))
    }

    /// The part of the baseline's bytes that the treatment has, as text.
    pub(super) fn kept(&self, metric: &str) -> String {
        let effect = self.effect(metric).filter(|effect| effect.baseline > 0.0);
        effect.map_or_else(|| NOTHING.into(), |it| format!("{:.1} %", 100.0 * it.treatment / it.baseline))
    }

    /// An improvement with its interval, as text.
    pub(super) fn improvement(&self, metric: &str) -> String {
        let bare = |percent: f64| format!("{percent:+.1}").replace('-', "−");
        match self.effect(metric).and_then(|effect| Some((effect.improvement_percent?, effect.interval))) {
            Some((percent, Some(interval))) => {
                format!("{} [{}, {}]", signed(percent, false), bare(interval.low), bare(interval.high))
            }
            Some((percent, None)) => signed(percent, false),
            None => NOTHING.into(),
        }
    }

    /// How it ended, and why, unless it passed.
    pub(super) fn trouble(&self) -> String {
        let status = self.row.status.map_or("not run", Status::name);
        let reason = printable(&self.row.reason);
        match (self.row.status, reason.is_empty()) {
            (Some(Status::Pass), _) => NOTHING.into(),
            (_, true) => status.into(),
            (_, false) => format!("{status}: {reason}"),
        }
    }
}

impl Analysis {
    /// An analysis of `what` in the models of a run, that says nothing yet.
    pub(super) fn of(what: &str, store: &Store, run: &RunRow, subjects: &[Subject]) -> Result<Self> {
        let models = models(subjects);
        let named = if models.len() > NAMED { format!("{} models", models.len()) } else { models.join(", ") };
        let environments = store.environments(&run.info.id)?;
        let mut ran: Vec<String> = environments
            .values()
            .map(|it| {
                let adapter = [&it.device.description, &it.device.vendor].into_iter().find(|text| !text.is_empty());
                let adapter = adapter.map_or(it.cpu.as_str(), String::as_str);
                printable(&format!("{} {}, {}, {adapter}", it.product, it.browser_version, it.platform)).into_owned()
            })
            .collect();
        ran.dedup();
        Ok(Self {
            title: format!("{what} of {named}"),
            run: run.info.id.clone(),
            started_at: run.info.started_at.clone(),
            engine: run.info.engine_hash.chars().take(12).collect(),
            ran: ran.join("; "),
            synthetic: subjects.iter().any(|subject| subject.row.cell.model.is_synthetic()),
            software: environments.values().any(|environment| environment.device.software),
            findings: Vec::new(),
            sections: Vec::new(),
        })
    }

    /// The page.
    ///
    /// # Errors
    /// When a user's template is wrong.
    pub fn html(&self, templates: Option<&Path>) -> Result<String> {
        let fields = minijinja::Value::from(Serde(self));
        template::render_with("analysis.html", fields, templates, |environment| {
            template::add_charts(environment, self.charts());
        })
    }

    fn charts(&self) -> impl Iterator<Item = &ChartView> {
        self.sections.iter().flat_map(|section| &section.charts)
    }

    /// What can be said in sentences.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The charts below each other, as a drawing that needs no page around it.
    #[must_use]
    pub fn svg(&self) -> String {
        const STYLE: &str = include_str!("analysis.css");
        let height = |svg: &str| {
            let size = svg.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next());
            size.and_then(|size| size.split(' ').nth(3)?.parse::<f64>().ok()).unwrap_or(0.0)
        };
        let (mut body, mut y) = (String::new(), 20.0);
        for chart in self.charts() {
            // Writing to a string cannot fail.
            let _ =
                write!(body, "<text class=\"title\" x=\"20\" y=\"{:.0}\">{}</text>", y + 16.0, escape(&chart.title));
            let inside = chart.svg.split_once('>').map_or("", |(_, rest)| rest).trim_end_matches("</svg>");
            let _ = write!(body, "<g transform=\"translate(20 {:.0})\">{inside}</g>", y + 32.0);
            y += height(&chart.svg) + 60.0;
        }
        let width = super::chart::WIDTH + 40.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {y:.0}\" width=\"{width}\" height=\"{y:.0}\"><style>{STYLE}</style>\
             <rect width=\"{width}\" height=\"{y:.0}\" fill=\"#fff\"/>{body}</svg>"
        )
    }
}

/// Each model once, in order.
pub(super) fn models(subjects: &[Subject]) -> Vec<String> {
    let mut models: Vec<String> = Vec::new();
    for subject in subjects {
        if !models.contains(&subject.model) {
            models.push(subject.model.clone());
        }
    }
    models
}

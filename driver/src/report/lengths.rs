//! Quality over the length of the context, for the cells of a run that keep keys and values in less memory.

use std::collections::BTreeSet;

use super::chart::ChartView;
use super::curve::{Line, Scale, draw};
use super::kv_quality::way;
use super::view::Measured;
use crate::measure::{Better, Metric};
use crate::plan::Cell;
use crate::printable::printable;
use crate::run::event::Status;

/// What is drawn: metric, name, how to read it, scale.
const CURVES: [(&str, &str, &str, Scale); 2] = [
    ("accuracy.top1", "same next token as f32", "Share of the forced tokens; higher is better", Scale::Share),
    ("accuracy.kl", "KL divergence from f32", "Nats, on a logarithmic scale; lower is better", Scale::Decades),
];

/// Two curves for every model: a line for each way to keep keys and values.
pub(super) fn curves(cells: &[Measured]) -> Vec<ChartView> {
    let asked: Vec<&Measured> = cells
        .iter()
        .filter(|cell| !cell.row.cell.scenario.lengths.is_empty() && cell.row.status.is_some_and(Status::is_success))
        .collect();
    let mut models: Vec<String> = Vec::new();
    for cell in &asked {
        let model = title(cell);
        if !models.contains(&model) {
            models.push(model);
        }
    }
    let of = |model: &String| asked.iter().copied().filter(|cell| title(cell) == *model).collect::<Vec<_>>();
    models.iter().flat_map(|model| of_model(model, &of(model))).collect()
}

fn title(cell: &Measured) -> String {
    printable(&cell.row.cell.model.title()).into_owned()
}

fn of_model(model: &str, cells: &[&Measured]) -> Vec<ChartView> {
    let places: BTreeSet<_> =
        cells.iter().map(|cell| (cell.row.cell.browser.name(), cell.row.cell.platform.name())).collect();
    let worst = if places.len() > 1 {
        format!(" Of {} browsers and platforms the worst: they differ by rounding.", places.len())
    } else {
        String::new()
    };
    let charts = CURVES.iter().filter_map(|(metric, name, text, scale)| {
        let title = format!("{model}: {name} over the length of the context");
        let svg = draw(&title, &lines(cells, metric), *scale)?;
        let text = format!("{text}. Measured after prompts of each length.{worst}");
        Some(ChartView { name: format!("{metric}:{model}"), title, text, svg })
    });
    charts.collect()
}

/// The values of every way by the length of the prompt, the worst where several places have one.
fn lines(cells: &[&Measured], metric: &str) -> Vec<Line> {
    let is_worse = |a: f64, b: f64| if Metric::named(metric).better == Better::Higher { a < b } else { a > b };
    let mut lines: Vec<Line> = Vec::new();
    for cell in cells {
        let name = policy(&cell.row.cell);
        let at = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            lines.push(Line { name, points: Vec::new() });
            lines.len() - 1
        });
        let points = &mut lines[at].points;
        for (name, effect) in &cell.effects {
            let (of, Some(tokens)) = Metric::split(name) else { continue };
            if of != metric || tokens == 0 {
                continue;
            }
            let (tokens, value) = (f64::from(tokens), effect.treatment);
            match points.iter_mut().find(|(other, _)| *other == tokens) {
                Some((_, worst)) if is_worse(value, *worst) => *worst = value,
                Some(_) => {}
                None => points.push((tokens, value)),
            }
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines.retain(|line| !line.points.is_empty());
    lines
}

/// `4 bits, window of 96 tokens`, and what else is switched on.
fn policy(cell: &Cell) -> String {
    let way = way(cell.treatment.kv_cache.as_ref(), None);
    let others = cell.optimizations.iter().map(String::as_str).filter(|word| *word != "kv_cache");
    std::iter::once(way.as_str()).chain(others).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Effect;
    use crate::plan::Plan;
    use crate::spec::{Flags, Scenario, Spec};
    use crate::store::CellRow;

    /// A cell that passed on `platform`, with its agreement and divergence after some prompts.
    fn measured(platform: &str, set: (&str, &str), values: &[(usize, f64, f64)]) -> Measured {
        let flags = Flags {
            models: vec!["gpt2".into()],
            platforms: vec![platform.into()],
            optimizations: vec!["kv_cache".into()],
            settings: vec![("kv_cache".into(), set.0.into(), set.1.into())],
            scenario: Scenario { lengths: Some(vec![32, 64]), ..Scenario::default() },
            ..Flags::default()
        };
        let spec = Spec::from_flags(&flags, |_| None).expect("flags are right");
        let cell = Plan::new(&spec, None, None).expect("a plan").cells.remove(0);
        let row = CellRow { id: 1, cell, environment: None, status: Some(Status::Pass), reason: String::new() };
        let effects = values.iter().flat_map(|(tokens, top1, kl)| {
            [("accuracy.top1", *top1, 1.0), ("accuracy.kl", *kl, 0.0)].map(|(metric, value, baseline)| {
                let effect = Effect::of(&Metric::named(metric), &[(baseline, value)]).expect("a pair");
                (Metric::at(metric, *tokens), effect)
            })
        });
        Measured { row, effects: effects.collect(), fallbacks: Vec::new() }
    }

    #[test]
    fn every_way_is_a_line_of_its_worst_values() {
        let window = ("window", "48");
        let cells = [
            measured("webgpu", window, &[(64, 0.5, 2.0), (32, 1.0, 1e-4)]),
            measured("wasm", window, &[(32, 0.9, 1e-5), (64, 0.75, 1.0)]),
            measured("wasm", ("bits", "8"), &[(32, 1.0, 1e-6), (64, 1.0, 1e-6)]),
        ];
        let all: Vec<&Measured> = cells.iter().collect();
        let line = |name: &str, points: [(f64, f64); 2]| Line { name: name.into(), points: points.to_vec() };
        assert_eq!(
            lines(&all, "accuracy.top1"),
            [
                line("4 bits, window of 48 tokens", [(32.0, 0.9), (64.0, 0.5)]),
                line("8 bits", [(32.0, 1.0), (64.0, 1.0)])
            ]
        );
        let charts = curves(&cells);
        assert_eq!(charts.len(), 2);
        assert!(charts[1].text.ends_with("Of 2 browsers and platforms the worst: they differ by rounding."));
        insta::assert_snapshot!(charts[1].svg.replace("><", ">\n<"));
    }

    #[test]
    fn cells_that_did_not_ask_or_did_not_pass_have_no_curves() {
        let mut cell = measured("wasm", ("bits", "8"), &[(32, 1.0, 1e-6), (64, 1.0, 1e-6)]);
        cell.row.status = Some(Status::Fail);
        assert!(curves(&[cell]).is_empty());
        let mut cell = measured("wasm", ("bits", "8"), &[(32, 1.0, 1e-6), (64, 1.0, 1e-6)]);
        cell.row.cell.scenario.lengths.clear();
        assert!(curves(&[cell]).is_empty());
    }
}

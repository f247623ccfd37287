//! Templates: the built-in ones, and a user's in their place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error as TemplateError, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::cell::{CellView, SeriesView};
use super::chart::ChartView;
use super::plot;
use super::view::View;
use crate::error::{Error, Excerpt, Result};

/// The built-in templates.
const TEMPLATES: &[(&str, &str)] = &[
    ("head.html", include_str!("../../../templates/head.html")),
    ("report.html", include_str!("../../../templates/report.html")),
    ("evidence.html", include_str!("../../../templates/evidence.html")),
    ("cell.html", include_str!("../../../templates/cell.html")),
    ("analysis.html", include_str!("../../../templates/analysis.html")),
    ("environments.html", include_str!("../../../templates/environments.html")),
    ("report.css", include_str!("../../../templates/report.css")),
    ("compat.md", include_str!("../../../templates/compat.md")),
    ("web_optimizations.md", include_str!("../../../templates/web_optimizations.md")),
];

/// What escaping in Markdown is called inside the engine.
const MARKDOWN: &str = "markdown";

/// Renders the template `name`.
///
/// Templates get the fields of [`View`], and the functions `samples_plots(cell)`, `interval_bar(cell, effect)`,
/// `chart(name)`, `screenshot(cell)` and `memory_plots(cell)`.
/// Everything printed is escaped for the format that the template's name ends with.
pub(super) fn render(name: &str, view: &View, folder: Option<&Path>) -> Result<String> {
    render_with(name, Value::from(Serde(view)), folder, |environment| drawings(environment, view))
}

/// The same for what is no run: its fields, and the functions that `prepare` adds.
pub(super) fn render_with(
    name: &str,
    fields: Value,
    folder: Option<&Path>,
    prepare: impl FnOnce(&mut Environment<'_>),
) -> Result<String> {
    let mut environment = Environment::new();
    // Errors then know which expression they are about.
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|cause| Error::internal("the template syntax is wrong").because(cause))?);
    environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "md")) => AutoEscape::Custom(MARKDOWN.into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(format);
    prepare(&mut environment);
    for (name, builtin) in TEMPLATES {
        let source = match folder.map(|folder| folder.join(name)).filter(|path| path.exists()) {
            Some(path) => std::fs::read_to_string(&path)
                .map_err(|cause| Error::usage(format!("cannot read the template {}", path.display())).because(cause))?,
            None => (*builtin).to_owned(),
        };
        environment.add_template_owned(*name, source).map_err(|cause| refuse(name, folder, &cause))?;
    }
    let rendered = environment.get_template(name).and_then(|template| template.render(fields));
    rendered.map_err(|cause| refuse(name, folder, &cause))
}

/// Gives templates what is drawn, by what it is drawn of.
fn drawings(environment: &mut Environment<'_>, view: &View) {
    type Drawn = std::result::Result<Value, TemplateError>;
    let refuse = |message: &'static str| move || TemplateError::new(ErrorKind::InvalidOperation, message);
    let drawn = |cell: &CellView| -> String {
        if !view.brief {
            return cell.samples.iter().map(plot::samples).collect();
        }
        // Told briefly, a cell shows what it was sampled for.
        let most = |series: &&SeriesView| (series.metric == "infer_time", series.baseline.len());
        let plots = cell.samples.iter().filter(|series| !plot::samples(series).is_empty());
        plots.max_by_key(most).map(plot::samples).unwrap_or_default()
    };
    let plots = view.cells.iter().map(|cell| (cell.key.clone(), drawn(cell)));
    let plots: BTreeMap<String, String> = plots.collect();
    environment.add_function("samples_plots", move |cell: &Value| -> Drawn {
        let svg = cell.get_attr("key")?.as_str().and_then(|key| plots.get(key)).cloned();
        svg.map(Value::from_safe_string).ok_or_else(refuse("samples_plots takes a cell"))
    });
    let bars = view.cells.iter().filter(|_| !view.brief).flat_map(|cell| {
        cell.effects.iter().map(|effect| ((cell.key.clone(), effect.metric.clone()), plot::interval(effect)))
    });
    let bars: BTreeMap<(String, String), String> = bars.collect();
    environment.add_function("interval_bar", move |cell: &Value, effect: &Value| -> Drawn {
        let (key, metric) = (cell.get_attr("key")?, effect.get_attr("metric")?);
        let name = key.as_str().zip(metric.as_str()).map(|(key, metric)| (key.to_owned(), metric.to_owned()));
        let name = name.ok_or_else(refuse("interval_bar takes a cell and its effect"))?;
        Ok(Value::from_safe_string(bars.get(&name).cloned().unwrap_or_default()))
    });
    add_charts(environment, &view.charts);
    let timelines = view.timelines.clone();
    environment.add_function("memory_plots", move |cell: &Value| -> Drawn {
        let svg = cell.get_attr("key")?.as_str().and_then(|key| timelines.get(key)).cloned();
        Ok(Value::from_safe_string(svg.unwrap_or_default()))
    });
    let screenshots = view.screenshots.clone();
    environment.add_function("screenshot", move |cell: &Value| -> Drawn {
        let url = cell.get_attr("key")?.as_str().and_then(|key| screenshots.get(key)).cloned();
        Ok(Value::from_safe_string(url.unwrap_or_default()))
    });
}

/// Gives templates charts by their names.
pub(super) fn add_charts<'a>(environment: &mut Environment<'_>, charts: impl IntoIterator<Item = &'a ChartView>) {
    let charts: BTreeMap<String, String> =
        charts.into_iter().map(|chart| (chart.name.clone(), chart.svg.clone())).collect();
    environment.add_function("chart", move |name: &str| -> std::result::Result<Value, TemplateError> {
        let svg = charts.get(name).cloned();
        let unknown = || TemplateError::new(ErrorKind::InvalidOperation, "chart takes the name of a chart");
        svg.map(Value::from_safe_string).ok_or_else(unknown)
    });
}

/// Prints a value, escaped for the format.
fn format(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> std::result::Result<(), TemplateError> {
    if matches!(state.auto_escape(), AutoEscape::Custom(name) if name == MARKDOWN) && !value.is_safe() {
        return output.write_str(&plain_markdown(&value.to_string())).map_err(TemplateError::from);
    }
    minijinja::escape_formatter(output, state, value)
}

/// Text that means nothing in Markdown, in a table, or in HTML inside it.
pub(super) fn plain_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What an error in a template means: which file, which line, which expression.
fn refuse(name: &str, folder: Option<&Path>, cause: &TemplateError) -> Error {
    let mut cause = cause;
    // What is wrong in an included template is the cause of what is wrong here.
    while let Some(inner) = std::error::Error::source(cause).and_then(|it| it.downcast_ref::<TemplateError>()) {
        cause = inner;
    }
    let detail =
        cause.detail().map_or_else(|| cause.kind().to_string(), |detail| format!("{}: {detail}", cause.kind()));
    let template = cause.name().unwrap_or(name);
    let line = cause.line().map_or(String::new(), |line| format!(", line {line}"));
    let place = cause.template_source().zip(cause.range()).and_then(|(source, range)| place(source, range));
    let what = place.as_ref().map_or(String::new(), |(_, text, span)| format!(": `{}`", &text[span.clone()]));
    let message = format!("the template {template}{line}: {detail}{what}");
    let Some(folder) = folder else { return Error::internal(message) };
    let error =
        Error::usage(message).note(format!("templates in {} take the place of the built-in ones", folder.display()));
    let path = folder.join(template);
    match place {
        Some((first_line, text, span)) if path.exists() => {
            let (file, label) = (path.display().to_string(), String::new());
            error.excerpt(Excerpt { file, first_line, text, span, label })
        }
        _ => error,
    }
}

/// The line that a range of a source is on: its number from 1, its text, and the range in it.
fn place(source: &str, range: Range<usize>) -> Option<(usize, String, Range<usize>)> {
    let before = source.get(..range.start)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = source.get(start..)?.lines().next()?;
    let end = range.end.min(start + line.len());
    let number = before.matches('\n').count() + 1;
    (end > range.start).then(|| (number, line.to_owned(), range.start - start..end - start))
}

#[cfg(test)]
mod tests {
    use super::plain_markdown;

    #[test]
    fn markdown_is_disarmed() {
        assert_eq!(plain_markdown("a|b <i>*x*</i> [l](u)"), r"a\|b &lt;i&gt;\*x\*&lt;/i&gt; \[l\](u)");
    }
}

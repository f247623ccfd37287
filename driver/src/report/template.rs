//! Templates: the built-in ones, and a user's in their place.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error as TemplateError, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::plot;
use super::view::View;
use crate::error::{Error, Result};

/// The built-in templates.
const TEMPLATES: &[(&str, &str)] = &[
    ("report.html", include_str!("../../../templates/report.html")),
    ("report.css", include_str!("../../../templates/report.css")),
    ("compat.md", include_str!("../../../templates/compat.md")),
    ("web_optimizations.md", include_str!("../../../templates/web_optimizations.md")),
];

/// What escaping in Markdown is called inside the engine.
const MARKDOWN: &str = "markdown";

/// Renders the template `name`.
///
/// Templates get the fields of [`View`], and the functions `samples_plots(cell)` and `interval_bar(effect)`.
/// Everything printed is escaped for the format that the template's name ends with.
pub(super) fn render(name: &str, view: &View, folder: Option<&Path>) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|cause| Error::internal("the template syntax is wrong").because(cause))?);
    environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "md")) => AutoEscape::Custom(MARKDOWN.into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(format);
    let plots: BTreeMap<String, String> =
        view.cells.iter().map(|cell| (cell.key.clone(), cell.samples.iter().map(plot::samples).collect())).collect();
    environment.add_function("samples_plots", move |cell: &Value| -> std::result::Result<Value, TemplateError> {
        let key = cell.get_attr("key")?;
        let svg = key.as_str().and_then(|key| plots.get(key));
        svg.map(|svg| Value::from_safe_string(svg.clone()))
            .ok_or_else(|| TemplateError::new(ErrorKind::InvalidOperation, "samples_plots takes a cell"))
    });
    let bars: BTreeMap<(String, String), String> = view
        .cells
        .iter()
        .flat_map(|cell| {
            cell.effects.iter().map(|effect| ((cell.key.clone(), effect.metric.clone()), plot::interval(effect)))
        })
        .collect();
    environment.add_function(
        "interval_bar",
        move |cell: &Value, effect: &Value| -> std::result::Result<Value, TemplateError> {
            let (key, metric) = (cell.get_attr("key")?, effect.get_attr("metric")?);
            let name = key.as_str().zip(metric.as_str()).map(|(key, metric)| (key.to_owned(), metric.to_owned()));
            let svg = name.and_then(|name| bars.get(&name));
            svg.map(|svg| Value::from_safe_string(svg.clone())).ok_or_else(|| {
                TemplateError::new(ErrorKind::InvalidOperation, "interval_bar takes a cell and its effect")
            })
        },
    );
    for (name, builtin) in TEMPLATES {
        let source = match folder.map(|folder| folder.join(name)).filter(|path| path.exists()) {
            Some(path) => std::fs::read_to_string(&path)
                .map_err(|cause| Error::usage(format!("cannot read the template {}", path.display())).because(cause))?,
            None => (*builtin).to_owned(),
        };
        environment.add_template_owned(*name, source).map_err(|cause| refuse(name, folder, &cause))?;
    }
    let rendered = environment.get_template(name).and_then(|template| template.render(Value::from(Serde(view))));
    rendered.map_err(|cause| refuse(name, folder, &cause))
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

fn refuse(name: &str, folder: Option<&Path>, cause: &TemplateError) -> Error {
    let detail =
        cause.detail().map_or_else(|| cause.kind().to_string(), |detail| format!("{}: {detail}", cause.kind()));
    let line = cause.line().map_or(String::new(), |line| format!(", line {line}"));
    let template = cause.name().unwrap_or(name);
    let message = format!("the template {template}{line}: {detail}");
    match folder {
        Some(folder) => {
            Error::usage(message).note(format!("templates in {} take the place of the built-in ones", folder.display()))
        }
        None => Error::internal(message),
    }
}

#[cfg(test)]
mod tests {
    use super::plain_markdown;

    #[test]
    fn markdown_is_disarmed() {
        assert_eq!(plain_markdown("a|b <i>*x*</i> [l](u)"), r"a\|b &lt;i&gt;\*x\*&lt;/i&gt; \[l\](u)");
    }
}

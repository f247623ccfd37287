//! The result of a query as a table, as JSON or as CSV.

use clap::ValueEnum;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Map, json};

use super::template::plain_markdown;
use super::terminal::Look;
use crate::printable::is_plain;
use crate::printable::{printable, printable_json};
use crate::store::{Rows, Value};

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowsFormat {
    /// For a terminal
    Table,
    /// A list of objects
    Json,
    /// Comma-separated, as RFC 4180 has it
    Csv,
    /// A Markdown table
    #[value(name = "md")]
    Markdown,
}

/// Renders rows; the text ends with a line break.
#[must_use]
pub fn render_rows(rows: &Rows, format: RowsFormat, look: Look) -> String {
    match format {
        RowsFormat::Table => table(rows, look),
        RowsFormat::Json => json(rows),
        RowsFormat::Csv => csv(rows),
        RowsFormat::Markdown => markdown(rows),
    }
}

fn table(rows: &Rows, look: Look) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    look.apply(&mut table);
    table.set_header(rows.columns.iter().map(|column| printable(column).into_owned()));
    for row in &rows.rows {
        table.add_row(row.iter().map(|value| {
            let cell = comfy_table::Cell::new(show(value));
            if matches!(value, Value::Integer(_) | Value::Real(_)) {
                cell.set_alignment(CellAlignment::Right)
            } else {
                cell
            }
        }));
    }
    format!("{}\n", table.trim_fmt())
}

/// Characters of a text that a table shows; JSON and CSV have all of them.
const SHOWN: usize = 160;

/// A value for eyes: few digits, nothing that a terminal obeys.
fn show(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) if number.abs() >= 1e15 || (*number != 0.0 && number.abs() < 1e-3) => {
            format!("{number:.3e}")
        }
        Value::Real(number) => {
            let text = format!("{number:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Value::Text(text) => {
            let text = printable(text);
            let shown: String = text.chars().take(SHOWN).collect();
            if shown.len() < text.len() { format!("{shown}…") } else { shown }
        }
        Value::Blob(bytes) => format!("{bytes} bytes"),
    }
}

fn json(rows: &Rows) -> String {
    let objects = rows.rows.iter().map(|row| {
        let values = row.iter().map(|value| match value {
            Value::Null => serde_json::Value::Null,
            Value::Integer(number) => json!(number),
            Value::Real(number) => json!(number),
            Value::Text(text) => json!(text),
            Value::Blob(bytes) => json!({ "bytes": bytes }),
        });
        serde_json::Value::Object(rows.columns.iter().cloned().zip(values).collect::<Map<_, _>>())
    });
    printable_json(&format!("{:#}\n", serde_json::Value::Array(objects.collect())))
}

fn markdown(rows: &Rows) -> String {
    let line = |fields: Vec<String>| format!("| {} |\n", fields.join(" | "));
    let header = line(rows.columns.iter().map(|column| plain_markdown(&printable(column))).collect());
    let is_number = |at: usize| rows.rows.iter().all(|row| !matches!(row[at], Value::Text(_) | Value::Blob(_)));
    let rule = (0..rows.columns.len()).map(|at| if is_number(at) { "--:" } else { "---" });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    let body = rows.rows.iter().map(|row| line(row.iter().map(|value| plain_markdown(&show(value))).collect()));
    [header, rule].into_iter().chain(body).collect()
}

fn csv(rows: &Rows) -> String {
    let field = |text: &str| {
        // One line each, and nothing for a terminal to obey; JSON has every character.
        let text = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
        let text: String = text.filter(|c| is_plain(*c)).collect();
        let needs_quotes = text.contains(['"', ',', '\n', '\r']);
        if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    let values = |row: &Vec<Value>| {
        let fields = row.iter().map(|value| match value {
            Value::Null => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            // A spreadsheet takes a leading =, +, - or @ for a formula.
            Value::Text(text) if text.starts_with(['=', '+', '-', '@']) => field(&format!("'{text}")),
            Value::Text(text) => field(text),
            Value::Blob(bytes) => format!("{bytes} bytes"),
        });
        fields.collect::<Vec<_>>().join(",")
    };
    let header = rows.columns.iter().map(|column| field(column)).collect::<Vec<_>>().join(",");
    std::iter::once(header).chain(rows.rows.iter().map(values)).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let text = Value::Text("a \"b\",\u{1b}[31m".into());
        Rows {
            columns: vec!["name".into(), "value".into()],
            rows: vec![vec![text, Value::Real(1.5)], vec![Value::Text("=SUM(A1)".into()), Value::Null]],
        }
    }

    const PLAIN: Look = Look { width: Some(80), colour: false };

    #[test]
    fn a_table_holds_nothing_a_terminal_obeys() {
        let text = render_rows(&rows(), RowsFormat::Table, PLAIN);
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.contains("1.5"), "{text}");
    }

    #[test]
    fn csv_quotes_and_disarms_formulas() {
        assert_eq!(render_rows(&rows(), RowsFormat::Csv, PLAIN), "name,value\n\"a \"\"b\"\",[31m\",1.5\n'=SUM(A1),\n");
    }

    #[test]
    fn json_keeps_every_value() {
        let text = render_rows(&rows(), RowsFormat::Json, PLAIN);
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
        assert_eq!(parsed[0]["name"], "a \"b\",\u{1b}[31m");
        assert_eq!(parsed[1]["value"], serde_json::Value::Null);
    }
}

//! The compatibility table in the shape of browser-compat-data, which MDN and caniuse are made from.
//!
//! Only a version that was measured is claimed: `version_added: "≤141"` says that it works in 141 and that nobody looked
//! at earlier ones. `false` is what was tried and does not work, `null` what was not tried, or was tried only in a browser
//! that stands in for the one named and counts its versions otherwise.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compat::Support;
use super::machine::EnvironmentView;
use super::table::{Entry, Row};
use super::view::View;

/// The statement of support for every optimization on every platform.
pub(super) fn render(view: &View) -> Value {
    let mut platforms: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (at, column) in view.columns.iter().enumerate() {
        for row in &view.rows {
            let feature =
                platforms.entry(&row.platform).or_default().entry(identifier(&column.optimization)).or_insert_with(
                    || {
                        json!({ "__compat": {
                        "description": format!("{} on {}", column.title, row.platform),
                        "support": {},
                        "status": { "experimental": true, "standard_track": false, "deprecated": false },
                    } })
                    },
                );
            feature["__compat"]["support"][&row.browser] = statement(view, row, &row.entries[at]);
        }
    }
    let browsers: BTreeMap<&str, Value> = view
        .rows
        .iter()
        .map(|row| (row.browser.as_str(), json!({ "name": row.title, "releases": releases(view, &row.browser) })))
        .collect();
    json!({
        "__meta": {
            "version": env!("CARGO_PKG_VERSION"),
            "timestamp": view.run.finished_at.as_ref().unwrap_or(&view.run.started_at),
            "run": view.run.id,
            "engine": view.run.engine_hash,
        },
        "browsers": browsers,
        "optimizations": platforms,
    })
}

fn statement(view: &View, row: &Row, entry: &Entry) -> Value {
    let version = versions(view, row, entry).into_iter().next().map(|version| format!("≤{version}"));
    let mut statement = Map::new();
    let added = match entry.support {
        Support::Full | Support::Limited => version.map_or(Value::Null, Value::from),
        Support::None => json!(false),
        Support::NotRun => Value::Null,
    };
    statement.insert("version_added".into(), added);
    if entry.support == Support::Limited {
        statement.insert("partial_implementation".into(), json!(true));
    }
    let flags = flags(view, entry);
    if !flags.is_empty() && matches!(entry.support, Support::Full | Support::Limited) {
        statement.insert("flags".into(), json!(flags));
    }
    let notes: Vec<&str> = row
        .notes
        .iter()
        .chain(&entry.notes)
        .filter_map(|number| view.notes.get(number - 1))
        .map(|note| note.text.as_str())
        .collect();
    if !notes.is_empty() {
        statement.insert("notes".into(), json!(notes));
    }
    Value::Object(statement)
}

/// Whether the version is one of the browser named: Chromium's are Chrome's, WebKitGTK's are not Safari's.
fn counts_alike(seen: &EnvironmentView) -> bool {
    seen.stand_in.is_none() || seen.product.starts_with("Chromium ")
}

/// Versions in which the cells of an entry ran.
fn versions(view: &View, row: &Row, entry: &Entry) -> Vec<String> {
    let cells = view.cells.iter().filter(|cell| entry.cells.contains(&cell.key) && cell.browser == row.browser);
    let seen = cells.filter_map(|cell| view.environment_of(cell)).filter(|seen| counts_alike(seen));
    let mut versions: Vec<String> = seen.map(|seen| seen.version.clone()).filter(|it| !it.is_empty()).collect();
    versions.dedup();
    versions
}

fn releases(view: &View, browser: &str) -> Value {
    let here = view.cells.iter().filter(|cell| cell.browser == browser);
    let seen =
        here.filter_map(|cell| view.environment_of(cell)).filter(|seen| counts_alike(seen) && !seen.version.is_empty());
    let releases = seen.map(|seen| (seen.version.clone(), json!({ "status": "current", "engine": seen.product })));
    Value::Object(releases.collect())
}

/// Switches that the browser was started with and without which it may not work.
fn flags(view: &View, entry: &Entry) -> Vec<Value> {
    let words = view
        .cells
        .iter()
        .filter(|cell| entry.cells.contains(&cell.key))
        .filter_map(|cell| view.environment_of(cell))
        .flat_map(|environment| &environment.flags);
    let mut flags: Vec<Value> = Vec::new();
    for word in words {
        let flag = json!({ "type": "runtime_flag", "name": word });
        if !flags.contains(&flag) {
            flags.push(flag);
        }
    }
    flags
}

/// A key: letters, digits and underscores.
fn identifier(words: &str) -> String {
    words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

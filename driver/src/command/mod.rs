//! The commands, one file each: arguments in, exit code out.

pub(crate) mod analyze;
pub(crate) mod ask;
pub(crate) mod bench;
pub(crate) mod bench_sound;
pub(crate) mod bench_waits;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod conformance;
pub(crate) mod doctor;
pub(crate) mod expectations;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod host;
mod kv_quality;
pub(crate) mod merge;
pub(crate) mod models;
mod quantization;
pub(crate) mod query;
pub(crate) mod recompute;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod setup;
mod signal;
pub(crate) mod weights;

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use crate::browser::BrowserId;
use crate::error::Error;
use crate::spec::{Word, word};

/// Prints a result. A reader that went away (`| head`) is no error.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
}

/// Says something beside a result. That nobody listens is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A table for a terminal; where there is none it is as wide as most are.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(160);
    }
    table.set_header(header);
    table
}

/// Words of the command line, as values.
fn words<T: Word>(texts: &[String]) -> Result<Vec<T>, Error> {
    texts.iter().map(|text| Ok(word::<T>(text)?)).collect()
}

/// The browsers that exist somewhere outside this program.
fn real_browsers() -> impl Iterator<Item = BrowserId> {
    BrowserId::ALL.into_iter().filter(|id| *id != BrowserId::Native)
}

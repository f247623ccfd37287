//! The guide's compatibility table, claimed and measured.

use matrix_engine::protocol::Platform;
use serde::Serialize;

use super::compat::Support;
use super::table::{Column, Row};
use super::view::Measured;
use crate::browser::BrowserId;
use crate::run::event::Status;

/// A browser in the guide's compatibility table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SupportView {
    /// Its name for people.
    pub title: String,
    /// WebGPU and the three optimizations of that table.
    pub entries: Vec<ClaimedSupport>,
}

/// An entry of that table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimedSupport {
    /// What the guide says.
    pub claimed: &'static str,
    /// What was measured.
    pub measured: Support,
    /// The same for people.
    pub title: String,
}

/// The guide's compatibility table: rows, and what it claims of WebGPU and of three optimizations.
const SUPPORT: &[(&str, [&str; 4])] = &[
    ("chrome", ["Full", "Full", "Full", "Full"]),
    ("edge", ["Full", "Full", "Full", "Full"]),
    ("firefox", ["Full", "Full", "Full", "Limited"]),
    ("safari", ["Limited", "Limited", "Full", "Limited"]),
];

/// The optimizations of that table.
const SUPPORTED: [&str; 3] = ["compute_shaders", "parallel_loading", "shader_precompile"];

/// The guide's compatibility table: WebGPU works where a cell on it passed; the optimizations are entries of our table.
pub(super) fn support(cells: &[Measured], rows: &[Row], columns: &[Column]) -> Vec<SupportView> {
    let browsers = BrowserId::ALL.into_iter().filter_map(|id| Some((id, claimed_of(id.name())?)));
    let view = |(id, claimed): (BrowserId, [&'static str; 4])| {
        let on_gpu = |cell: &&Measured| cell.row.cell.browser == id && cell.row.cell.platform == Platform::Webgpu;
        let statuses: Vec<Status> = cells.iter().filter(on_gpu).filter_map(|cell| cell.row.status).collect();
        let any = |is: fn(Status) -> bool| statuses.iter().copied().any(is);
        let webgpu = match (any(Status::is_success), any(|status| status.is_failure() || status == Status::Unsupported))
        {
            (true, false) => Support::Full,
            (true, true) => Support::Limited,
            (false, true) => Support::None,
            (false, false) => Support::NotRun,
        };
        let entry = |word: &str| {
            let column = columns.iter().position(|column| column.optimization == word);
            let here = rows.iter().filter(|row| row.browser == id.name());
            let all: Vec<Support> = column.map_or(Vec::new(), |at| here.map(|row| row.entries[at].support).collect());
            // A browser has what one of its platforms has.
            [Support::Full, Support::Limited, Support::None]
                .into_iter()
                .find(|support| all.contains(support))
                .unwrap_or(Support::NotRun)
        };
        let measured = std::iter::once(webgpu).chain(SUPPORTED.iter().map(|word| entry(word)));
        let entries = claimed.into_iter().zip(measured);
        let entries =
            entries.map(|(claimed, measured)| ClaimedSupport { claimed, measured, title: measured.title().into() });
        SupportView { title: id.title().into(), entries: entries.collect() }
    };
    browsers.map(view).collect()
}

/// What the guide claims of a browser: `Full`, `Limited`.
fn claimed_of(browser: &str) -> Option<[&'static str; 4]> {
    SUPPORT.iter().find(|(known, _)| *known == browser).map(|(_, claims)| *claims)
}

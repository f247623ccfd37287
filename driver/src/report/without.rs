//! Cells that have nothing to show, by why.

use serde::Serialize;

use super::cell::CellView;

/// Cells of one status and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Without {
    /// Their status.
    pub status: String,
    /// `unsupported, 34 cells: this browser has no WebGPU`.
    pub sentence: String,
    /// Key and title of each, in the order of the plan.
    pub cells: Vec<(String, String)>,
    /// Whether they could not run here, whatever they do.
    pub expected: bool,
}

/// Those among `cells`, in the order of the first of each.
#[must_use]
pub(super) fn without(cells: &[CellView]) -> Vec<Without> {
    let mut found: Vec<(&str, &str, Vec<&CellView>)> = Vec::new();
    for cell in cells.iter().filter(|cell| !cell.has_main) {
        match found.iter_mut().find(|(status, reason, _)| (*status, *reason) == (&cell.status, &cell.reason)) {
            Some((.., alike)) => alike.push(cell),
            None => found.push((&cell.status, &cell.reason, vec![cell])),
        }
    }
    let told = found.into_iter().map(|(status, reason, cells)| {
        let count = if cells.len() == 1 { "1 cell".to_owned() } else { format!("{} cells", cells.len()) };
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        Without {
            status: status.to_owned(),
            sentence: format!("{status}, {count}{why}"),
            expected: matches!(status, "unsupported" | "unavailable" | "skipped"),
            cells: cells.into_iter().map(|cell| (cell.key.clone(), cell.title.clone())).collect(),
        }
    });
    told.collect()
}

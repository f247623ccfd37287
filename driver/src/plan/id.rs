//! Names of cells and matrices that depend on nothing but what is computed.

use matrix_engine::catalog::Family;
use matrix_engine::protocol::{Options, Platform};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::cell::{Cell, CellId, Model, Scenario, Weights};
use crate::browser::BrowserId;
use crate::error::{Error, Result};

/// Everything that decides what a cell computes; neither how often nor how long.
#[derive(Serialize)]
struct Identity<'a> {
    browser: BrowserId,
    platform: Platform,
    family: Option<Family>,
    weights: Source<'a>,
    optimizations: &'a [String],
    treatment: &'a Options,
    scenario: &'a Scenario,
}

/// Where weights come from, without what differs between machines.
#[derive(Serialize)]
#[serde(untagged)]
enum Source<'a> {
    Known(&'a Weights),
    Folder { folder: &'a str },
}

/// The id of a cell made of these parts.
pub(super) fn of_cell(
    browser: BrowserId,
    platform: Platform,
    model: &Model,
    optimizations: &[String],
    treatment: &Options,
    scenario: &Scenario,
) -> Result<CellId> {
    let weights = match &model.weights {
        Weights::Folder { .. } => Source::Folder { folder: &model.name },
        known => Source::Known(known),
    };
    let identity = Identity { browser, platform, family: model.family, weights, optimizations, treatment, scenario };
    let bytes =
        serde_json::to_vec(&identity).map_err(|cause| Error::internal("a cell has no identity").because(cause))?;
    Ok(hex(&bytes)[..12].to_owned())
}

/// The hash of a whole matrix: equal when the same cells are planned, in whatever order.
pub(super) fn of_matrix(cells: &[Cell]) -> String {
    let mut ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
    ids.sort_unstable();
    hex(ids.join("\n").as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

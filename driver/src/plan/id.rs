//! Names of cells and matrices that depend on nothing but what is computed.

use std::collections::BTreeMap;

use matrix_engine::catalog::Family;
use matrix_engine::protocol::Platform;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::cell::{Cell, CellId, Model, Profile, Scenario, Weights};
use crate::browser::BrowserId;
use crate::error::{Error, Result};
use crate::spec::{Setting, Value};

/// Everything that decides what a cell computes; neither how often nor how long.
#[derive(Serialize)]
struct Identity<'a> {
    browser: BrowserId,
    platform: Platform,
    family: Option<Family>,
    weights: Source<'a>,
    optimizations: &'a [Switched],
    scenario: &'a Scenario,
    /// First times of a browser that nobody has used are other times.
    #[serde(skip_serializing_if = "Profile::is_warm")]
    profile: Profile,
}

/// Where weights come from, without what differs between machines.
#[derive(Serialize)]
#[serde(untagged)]
enum Source<'a> {
    Known(&'a Weights),
    Folder { folder: &'a str },
}

/// An optimization that is switched on, and what of it is not as it is by default: an engine with one more option
/// leaves the ids of cells that don't use it as they were.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Switched {
    word: &'static str,
    settings: BTreeMap<&'static str, Value>,
}

impl Switched {
    /// An optimization with the settings there are and the values they have.
    pub(super) fn new<'a>(word: &'static str, settings: impl IntoIterator<Item = (&'a Setting, Value)>) -> Self {
        let set = settings.into_iter().filter(|(setting, value)| *value != (setting.default)());
        Self { word, settings: set.map(|(setting, value)| (setting.key, value)).collect() }
    }
}

/// The id of a cell made of these parts.
pub(super) fn of_cell(
    browser: BrowserId,
    platform: Platform,
    model: &Model,
    optimizations: &[Switched],
    scenario: &Scenario,
    profile: Profile,
) -> Result<CellId> {
    let weights = match &model.weights {
        Weights::Folder { .. } => Source::Folder { folder: &model.name },
        known => Source::Known(known),
    };
    let identity = Identity { browser, platform, family: model.family, weights, optimizations, scenario, profile };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Kind, OPTIMIZATIONS};

    /// A setting that a later engine might have.
    const NEW: Setting = Setting {
        key: "rounding",
        kind: Kind::Word(&["nearest", "random"]),
        variable: None,
        default: || Value::Word("nearest"),
        apply: |_, _| {},
    };

    fn id(optimization: Switched) -> CellId {
        let weights = Weights::Named { name: "minilm".into() };
        let model = Model { name: "minilm".into(), family: Some(Family::Bert), weights };
        let (choice, texts) = (matrix_engine::protocol::Sampling::Greedy, vec!["A sentence.".into()]);
        let (image, audio, seconds, video) = (None, None, None, None);
        let (tokens, decode, lengths, network) = (8, 16, Vec::new(), None);
        let scenario = Scenario { texts, tokens, lengths, decode, choice, image, audio, seconds, video, network };
        of_cell(BrowserId::Chrome, Platform::Webgpu, &model, &[optimization], &scenario, Profile::Warm).expect("an id")
    }

    #[test]
    fn an_option_that_is_not_used_changes_no_id() {
        for row in OPTIMIZATIONS {
            let known = || row.settings.iter().map(|setting| (setting, (setting.default)()));
            let before = id(Switched::new(row.word, known()));
            let with = |value| id(Switched::new(row.word, known().chain([(&NEW, Value::Word(value))])));
            assert_eq!(with("nearest"), before, "{}", row.word);
            assert_ne!(with("random"), before, "{}", row.word);
        }
    }

    #[test]
    fn what_is_written_as_it_is_by_default_is_not_written() {
        let group = OPTIMIZATIONS[0].setting("group_size").expect("a setting");
        let of = |value| Switched::new("int4", [(group, value)]);
        assert_eq!(of((group.default)()), Switched::new("int4", []));
        assert_ne!(id(of(Value::Count(32))), id(of(Value::Count(64))));
    }
}

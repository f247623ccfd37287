//! From a specification to cells.

use std::collections::{BTreeMap, HashSet};

use matrix_engine::host;
use matrix_engine::protocol::{Options, Platform};

use super::cell::{Cell, Expectation, Model, Profile, Sampling};
use super::id::{self, Switched};
use super::{Filter, Shard};
use crate::browser::BrowserId;
use crate::error::{Error, Result};
use crate::spec::{
    Chosen, Goal, Include, OPTIMIZATIONS, Optimization, Origin, Setting, Sourced, Spec, Value, optimization,
};

/// Most cells of a plan. More would run for days; it is a slip of the pen.
pub const MAX_CELLS: usize = 10_000;

/// What will be run, in order: cells of one browser, and in it of one platform and one model, stand together.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Name of the matrix.
    pub name: String,
    /// Hash of the whole matrix, before `--only` and `--shard`: equal for all shards of one matrix.
    pub matrix_hash: String,
    /// The cells.
    pub cells: Vec<Cell>,
}

/// How many cells were dropped, by why.
#[derive(Debug, Default)]
struct Dropped(BTreeMap<String, usize>);

impl Dropped {
    fn count(&mut self, by: impl Into<String>) {
        *self.0.entry(by.into()).or_default() += 1;
    }
}

impl Plan {
    /// Plans a matrix, or the part of it that a filter and a shard leave.
    ///
    /// # Errors
    /// When nothing is left to run, or far too much.
    pub fn new(spec: &Spec, only: Option<&Filter>, shard: Option<Shard>) -> Result<Self> {
        let mut dropped = Dropped::default();
        let cells = all_cells(spec, &mut dropped)?;
        let matrix_hash = id::of_matrix(&cells);
        let cells: Vec<Cell> = cells
            .into_iter()
            .enumerate()
            .filter(|(position, cell)| {
                let is_wanted = only.is_none_or(|filter| filter.matches(cell));
                let is_here = shard.is_none_or(|shard| shard.holds(*position));
                match (is_wanted, is_here) {
                    (false, _) => dropped
                        .count(format!("not in --only \"{}\"", only.map(ToString::to_string).unwrap_or_default())),
                    (true, false) => {
                        dropped.count(format!("not in --shard {}", shard.map(|s| s.to_string()).unwrap_or_default()));
                    }
                    (true, true) => return true,
                }
                false
            })
            .map(|(_, cell)| cell)
            .collect();
        if cells.is_empty() {
            let error = Error::nothing_to_run(format!("nothing to run: no cell of `{}` is left", spec.name));
            return Err(dropped.0.iter().fold(error, |error, (by, count)| error.note(format!("{count} {by}"))));
        }
        Ok(Self { name: spec.name.clone(), matrix_hash, cells })
    }
}

impl Plan {
    /// Several plans as one, whose cells differ in what cannot differ within a matrix, such as settings.
    #[must_use]
    pub fn joined(name: &str, plans: impl IntoIterator<Item = Self>) -> Self {
        let mut seen = HashSet::new();
        let cells = plans.into_iter().flat_map(|plan| plan.cells);
        let cells: Vec<Cell> = cells.filter(|cell| seen.insert(cell.id.clone())).collect();
        Self { name: name.into(), matrix_hash: id::of_matrix(&cells), cells }
    }
}

/// Every cell of a matrix, each once, in order.
fn all_cells(spec: &Spec, dropped: &mut Dropped) -> Result<Vec<Cell>> {
    let named: Vec<&str> = spec.optimizations.iter().map(|chosen| chosen.optimization.word).collect();
    let sets = |platform: Platform, model: &Model| {
        let sets = spec.combinations.sets(&named, model.family, platform);
        sets.into_iter().map(canonical).collect::<Vec<_>>()
    };
    let of_platform = |platform: &Platform| spec.models.iter().map(|model| sets(*platform, model).len()).sum::<usize>();
    check_size(spec, spec.platforms.iter().map(of_platform).sum())?;
    let mut cells = Vec::new();
    for &browser in &spec.browsers {
        for &platform in &spec.platforms {
            for model in &spec.models {
                for set in &sets(platform, model) {
                    let excluded =
                        spec.exclude.iter().position(|selector| selector.matches(browser, platform, model, set));
                    if !is_possible(browser, platform) {
                        dropped.count(impossible(browser, platform));
                    } else if let Some(entry) = excluded {
                        dropped.count(format!("removed by exclude[{entry}]"));
                    } else {
                        cells.push(cell(spec, (browser, platform, model), set, &[])?);
                    }
                }
            }
        }
    }
    for include in &spec.include {
        cells.extend(included(spec, include, &named, dropped)?);
    }
    let mut seen = HashSet::new();
    cells.retain(|cell| seen.insert(cell.id.clone()));
    let browser = |cell: &Cell| spec.browsers.iter().position(|b| *b == cell.browser).unwrap_or(usize::MAX);
    let platform = |cell: &Cell| spec.platforms.iter().position(|p| *p == cell.platform).unwrap_or(usize::MAX);
    let model = |cell: &Cell| spec.models.iter().position(|m| *m == cell.model).unwrap_or(usize::MAX);
    cells.sort_by_key(|cell| (browser(cell), cell.browser, platform(cell), cell.platform, model(cell)));
    Ok(cells)
}

/// The cells an `include` entry adds: for a key it leaves out, every value of the matrix.
fn included(spec: &Spec, include: &Include, named: &[&'static str], dropped: &mut Dropped) -> Result<Vec<Cell>> {
    let Include { cells: selector, with } = include;
    let browsers = if selector.browsers.is_empty() { &spec.browsers } else { &selector.browsers };
    let platforms = if selector.platforms.is_empty() { &spec.platforms } else { &selector.platforms };
    let mut cells = Vec::new();
    for &browser in browsers {
        for &platform in platforms {
            if !is_possible(browser, platform) {
                dropped.count(impossible(browser, platform));
                continue;
            }
            for model in spec.models.iter().filter(|model| selector.wants_model(model)) {
                let sets = if selector.optimizations.is_empty() {
                    spec.combinations.sets(named, model.family, platform)
                } else {
                    vec![selector.optimizations.clone()]
                };
                for set in sets {
                    cells.push(cell(spec, (browser, platform, model), &canonical(set), with)?);
                    if cells.len() > MAX_CELLS {
                        return Err(too_many(cells.len()));
                    }
                }
            }
        }
    }
    Ok(cells)
}

fn check_size(spec: &Spec, sets: usize) -> Result<()> {
    let size = spec.browsers.len().saturating_mul(sets);
    if size > MAX_CELLS { Err(too_many(size)) } else { Ok(()) }
}

fn too_many(size: usize) -> Error {
    Error::usage(format!("the matrix has {size} cells"))
        .note(format!("allowed: up to {MAX_CELLS}"))
        .hint("split it, or list fewer combinations")
}

/// A browser has the platforms of the web, the native host has its own.
fn is_possible(browser: BrowserId, platform: Platform) -> bool {
    let is_native = matches!(platform, Platform::NativeGpu | Platform::NativeCpu);
    (browser == BrowserId::Native) == is_native
}

fn impossible(browser: BrowserId, platform: Platform) -> String {
    format!("impossible: {} has no {}", browser.title(), platform.name())
}

/// The set in the order of table columns, each word once.
fn canonical(set: Vec<&'static str>) -> Vec<&'static str> {
    let position = |word: &str| OPTIMIZATIONS.iter().position(|row| row.word == word);
    let mut set = set;
    set.sort_by_key(|word| position(word));
    set.dedup();
    set
}

/// The cell of a set of optimizations, set as the matrix says, or as `with` does.
fn cell(
    spec: &Spec,
    (browser, platform, model): (BrowserId, Platform, &Model),
    set: &[&'static str],
    with: &[Chosen],
) -> Result<Cell> {
    let Treatment { switched, options: treatment, goals } = treatment(spec, set, with);
    host::check(&treatment).map_err(|error| Error::usage(error.to_string()))?;
    let optimizations: Vec<String> = set.iter().map(ToString::to_string).collect();
    let expected = spec.expect.iter().find(|expected| expected.cells.matches(browser, platform, model, set));
    let profile = profile(spec, set);
    let scenario = if treatment.kv_cache.is_some() { spec.scenario.clone() } else { spec.scenario.plain() };
    Ok(Cell {
        id: id::of_cell(browser, platform, model, &switched, &scenario, profile)?,
        browser,
        platform,
        model: model.clone(),
        optimizations,
        variant: with.iter().flat_map(|chosen| &chosen.settings).map(shown).collect::<Vec<_>>().join(", "),
        treatment,
        scenario,
        sampling: Sampling { profile, ..spec.sampling.clone() },
        timeouts: spec.timeouts.clone(),
        expect: expected
            .map(|expected| Expectation { status: expected.status.name().into(), why: expected.why.clone() }),
        goals,
    })
}

/// `prune.policy recency`
fn shown((key, value): &(&'static str, Value)) -> String {
    format!("{key} {value}")
}

/// Whose browser first times are taken in: what the matrix says; where it says nothing, one that nobody has used for
/// optimizations that show only there.
fn profile(spec: &Spec, set: &[&'static str]) -> Profile {
    let is_asked = |sourced: &Sourced| sourced.key == "sampling.profile" && sourced.origin != Origin::Default;
    let is_cold = |word: &&str| optimization(word).is_ok_and(Optimization::is_cold);
    if !spec.origins.iter().any(is_asked) && set.iter().any(is_cold) { Profile::Fresh } else { spec.sampling.profile }
}

/// What a set of optimizations comes to.
#[derive(Default)]
struct Treatment {
    switched: Vec<Switched>,
    options: Options,
    goals: Vec<Goal>,
}

fn treatment(spec: &Spec, set: &[&str], with: &[Chosen]) -> Treatment {
    let mut treatment = Treatment::default();
    for chosen in set.iter().filter_map(|word| spec.chosen(word)) {
        let own = with.iter().find(|own| own.optimization.word == chosen.optimization.word);
        (chosen.optimization.switch_on)(&mut treatment.options);
        let value = |setting: &Setting| {
            let own = own.into_iter().flat_map(|own| &own.settings);
            let written = own.chain(&chosen.settings).find(|(key, _)| *key == setting.key);
            written.map_or_else(setting.default, |(_, value)| value.clone())
        };
        let settings: Vec<(&Setting, Value)> =
            chosen.optimization.settings.iter().map(|setting| (setting, value(setting))).collect();
        settings.iter().for_each(|(setting, value)| (setting.apply)(&mut treatment.options, value));
        treatment.switched.push(Switched::new(chosen.optimization.word, settings));
        let own = own.map(|own| own.goals.clone()).filter(|goals| !goals.is_empty());
        treatment.goals.extend(own.unwrap_or(chosen.goals));
    }
    treatment
}

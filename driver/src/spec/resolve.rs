//! From layers to one specification: flags over file over environment over defaults.

use std::path::Path;

use matrix_engine::protocol::Platform;

use super::combination::{Combinations, MAX_ALL, Rule};
use super::expected::Expected;
use super::flags::Flags;
use super::optimization::{Chosen, Value};
use super::origin::{Origin, Sourced};
use super::scenario::{DEFAULT_TEXTS, DEFAULT_TOKENS};
use super::selector::Selector;
use super::written::Written;
use super::{environment, file};
use crate::browser::BrowserId;
use crate::error::{Error, Result};
use crate::plan::{Model, Sampling, Scenario, Timeouts};

/// A complete specification: nothing is left to guess.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Name of the matrix.
    pub name: String,
    /// The browsers, without repetition.
    pub browsers: Vec<BrowserId>,
    /// The platforms, without repetition.
    pub platforms: Vec<Platform>,
    /// The models; their names are unique.
    pub models: Vec<Model>,
    /// The optimizations measured.
    pub optimizations: Vec<Chosen>,
    /// Which of them are measured together.
    pub combinations: Combinations,
    /// What is computed.
    pub scenario: Scenario,
    /// How often.
    pub sampling: Sampling,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Cells added.
    pub include: Vec<Selector>,
    /// Cells removed.
    pub exclude: Vec<Selector>,
    /// Outcomes known.
    pub expect: Vec<Expected>,
    /// Settings of optimizations that are only named in `include` or listed combinations.
    pub(crate) settings: Vec<(&'static str, &'static str, Value)>,
    /// Every value with its origin.
    pub origins: Vec<Sourced>,
}

impl Spec {
    /// Reads a matrix file, with flags over it and environment variables (given by `lookup`) under it.
    ///
    /// # Errors
    /// When something written is wrong, or models or optimizations are missing.
    pub fn read(path: &Path, flags: &Flags, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let written = file::read(path)?;
        let name = path.file_stem().map_or_else(|| "matrix".into(), |stem| stem.to_string_lossy().into_owned());
        Self::from_layers(flags, Some((path, written)), lookup, name)
    }

    /// A specification without a file.
    ///
    /// # Errors
    /// When something written is wrong, or models or optimizations are missing.
    pub fn from_flags(flags: &Flags, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        Self::from_layers(flags, None, lookup, "adhoc".into())
    }

    fn from_layers(
        flags: &Flags,
        file: Option<(&Path, Written)>,
        lookup: impl Fn(&str) -> Option<String>,
        default_name: String,
    ) -> Result<Self> {
        let mut layers = vec![(Origin::Flag, flags.read()?)];
        let place = file.as_ref().map(|(path, _)| path.display().to_string());
        layers.extend(file.map(|(path, written)| (Origin::File(path.to_owned()), written)));
        let variables = environment::read(lookup)?;
        layers.extend(variables.into_iter().map(|(name, written)| (Origin::Variable(name), written)));
        let mut spec = Layers { layers: &layers, origins: Vec::new() }.resolve(default_name, place.as_deref())?;
        spec.check()?;
        spec.origins.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(spec)
    }

    fn check(&self) -> Result<()> {
        for (i, model) in self.models.iter().enumerate() {
            if self.models[..i].iter().any(|other| other.name == model.name) {
                return Err(Error::usage(format!("two different models are both called `{}`", model.name))
                    .hint("give one of them another `name`"));
            }
        }
        for selector in
            self.include.iter().chain(&self.exclude).chain(self.expect.iter().map(|expected| &expected.cells))
        {
            for wanted in &selector.models {
                if !self.models.iter().any(|model| super::is_model(wanted, model)) {
                    let names = self.models.iter().map(|model| model.name.as_str());
                    let unknown = super::UnknownWord::new("model", wanted, names);
                    return Err(Error::usage(format!(
                        "`{}` names the model `{wanted}`, which is not in this matrix",
                        selector.models_at
                    ))
                    .note(unknown.allowed())
                    .maybe_hint(unknown.suggestion()));
                }
            }
        }
        if self.combinations == Combinations::By(Rule::All) && self.optimizations.len() > MAX_ALL {
            return Err(Error::usage(format!("`combinations: all` of {} optimizations", self.optimizations.len()))
                .note(format!("allowed: up to {MAX_ALL} optimizations"))
                .hint("list the combinations you need"));
        }
        if self.sampling.max < self.sampling.min {
            let (min, max) = (self.sampling.min, self.sampling.max);
            return Err(Error::usage(format!("at most {max} samples are allowed, but at least {min} are asked for")));
        }
        Ok(())
    }

    /// An optimization as this matrix uses it; with the defaults when it is only named in a selection.
    pub(crate) fn chosen(&self, word: &str) -> Option<Chosen> {
        let named = self.optimizations.iter().find(|chosen| chosen.optimization.word == word);
        named.cloned().or_else(|| {
            let optimization = super::optimization(word).ok()?;
            let settings =
                self.settings.iter().filter(|(of, ..)| *of == word).map(|(_, key, value)| (*key, value.clone()));
            Some(Chosen { optimization, settings: settings.collect(), goals: Vec::new() })
        })
    }
}

/// The layers, strongest first, and what was taken from where.
struct Layers<'a> {
    layers: &'a [(Origin, Written)],
    origins: Vec<Sourced>,
}

impl Layers<'_> {
    /// The strongest value, if any layer has one.
    fn find<T: Clone>(
        &mut self,
        key: &str,
        get: impl Fn(&Written) -> Option<&T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let (origin, value) = self.layers.iter().find_map(|(origin, written)| Some((origin, get(written)?)))?;
        self.note(key, show(value), origin.clone());
        Some(value.clone())
    }

    /// The strongest value, or the default.
    fn take<T: Clone>(
        &mut self,
        key: &str,
        get: impl Fn(&Written) -> Option<&T>,
        show: impl Fn(&T) -> String,
        default: T,
    ) -> T {
        if let Some(value) = self.find(key, get, &show) {
            return value;
        }
        self.note(key, show(&default), Origin::Default);
        default
    }

    fn note(&mut self, key: &str, value: String, origin: Origin) {
        self.origins.push(Sourced { key: key.into(), value, origin });
    }

    fn resolve(mut self, default_name: String, file: Option<&str>) -> Result<Spec> {
        let missing = |what: &str, flag: &str| {
            let wherever =
                file.map_or_else(|| "no model matrix was given".to_owned(), |file| format!("{file} has no `{what}`"));
            Error::usage(if file.is_some() { wherever } else { format!("no {what} are named") }).hint(
                if file.is_some() { format!("add `{what}:`") } else { format!("add {flag}, or name a matrix file") },
            )
        };
        let models = self.find("models", |w| w.models.as_ref(), |models| join(models.iter().map(|m| m.name.as_str())));
        let models = models.ok_or_else(|| missing("models", "`--model`"))?;
        let optimizations = self.find(
            "optimizations",
            |w| w.optimizations.as_ref(),
            |all| join(all.iter().map(|chosen| chosen.optimization.word)),
        );
        let optimizations =
            optimizations.ok_or_else(|| missing("optimizations", "an optimization such as `--quantization 4bit`"))?;
        let optimizations = optimizations.into_iter().map(|chosen| self.settle(chosen)).collect();
        let each = Combinations::By(Rule::Each);
        Ok(Spec {
            name: self.take("name", |w| w.name.as_ref(), Clone::clone, default_name),
            browsers: unique(self.take(
                "browsers",
                |w| w.browsers.as_ref(),
                |all| join(all.iter().map(|b| b.name())),
                vec![BrowserId::Chrome],
            )),
            platforms: unique(self.take(
                "platforms",
                |w| w.platforms.as_ref(),
                |all| join(all.iter().map(|p| p.name())),
                vec![Platform::Webgpu],
            )),
            models: unique(models),
            optimizations,
            combinations: self.take("combinations", |w| w.combinations.as_ref(), show_combinations, each),
            scenario: self.scenario(),
            sampling: self.sampling(),
            timeouts: self.timeouts(),
            include: self.layers.iter().flat_map(|(_, written)| written.include.clone()).collect(),
            exclude: self.layers.iter().flat_map(|(_, written)| written.exclude.clone()).collect(),
            expect: self.layers.iter().flat_map(|(_, written)| written.expect.clone()).collect(),
            settings: self.layers.iter().flat_map(|(_, written)| written.settings.clone()).collect(),
            origins: self.origins,
        })
    }

    /// Gives every setting of an optimization its value.
    fn settle(&mut self, chosen: Chosen) -> Chosen {
        let optimization = chosen.optimization;
        let settings = optimization.settings.iter().map(|setting| {
            let key = format!("optimizations.{}.{}", optimization.word, setting.key);
            let value = self.take(
                &key,
                |written| {
                    let apart = written
                        .settings
                        .iter()
                        .find(|(word, key, _)| *word == optimization.word && *key == setting.key);
                    let inside = || {
                        let mut all = written.optimizations.iter().flatten();
                        let here = all.find(|other| other.optimization.word == optimization.word)?;
                        here.settings.iter().find(|(key, _)| *key == setting.key).map(|(_, value)| value)
                    };
                    apart.map(|(.., value)| value).or_else(inside)
                },
                ToString::to_string,
                (setting.default)(),
            );
            (setting.key, value)
        });
        let settings = settings.collect();
        let inherited = || {
            let all = self.layers.iter().filter_map(|(_, written)| written.optimizations.as_ref()).flatten();
            all.filter(|other| other.optimization.word == optimization.word).find(|other| !other.goals.is_empty())
        };
        let goals = if chosen.goals.is_empty() {
            inherited().map_or(Vec::new(), |other| other.goals.clone())
        } else {
            chosen.goals
        };
        Chosen { optimization, settings, goals }
    }

    fn scenario(&mut self) -> Scenario {
        let texts = DEFAULT_TEXTS.map(String::from).to_vec();
        let show = |texts: &Vec<String>| format!("{} sentences", texts.len());
        Scenario {
            texts: self.take("scenario.texts", |w| w.scenario.texts.as_ref(), show, texts),
            tokens: self.take("scenario.tokens", |w| w.scenario.tokens.as_ref(), ToString::to_string, DEFAULT_TOKENS),
        }
    }

    fn sampling(&mut self) -> Sampling {
        let percent = |share: &f64| super::Percent(*share).to_string();
        let min = self.take("sampling.min", |w| w.sampling.min.as_ref(), ToString::to_string, 10);
        Sampling {
            min,
            max: self.take("sampling.max", |w| w.sampling.max.as_ref(), ToString::to_string, min.max(60)),
            target_half_width: self.take(
                "sampling.target_half_width",
                |w| w.sampling.target_half_width.as_ref(),
                percent,
                0.05,
            ),
            budget_s: self.take("sampling.budget_s", |w| w.sampling.budget_s.as_ref(), ToString::to_string, 20.0),
        }
    }

    fn timeouts(&mut self) -> Timeouts {
        let show = f64::to_string;
        Timeouts {
            load_s: self.take("timeouts.load_s", |w| w.timeouts.load_s.as_ref(), show, 120.0),
            cell_s: self.take("timeouts.cell_s", |w| w.timeouts.cell_s.as_ref(), show, 180.0),
            heartbeat_s: self.take("timeouts.heartbeat_s", |w| w.timeouts.heartbeat_s.as_ref(), show, 15.0),
        }
    }
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn show_combinations(combinations: &Combinations) -> String {
    match combinations {
        Combinations::By(rule) => rule.name().into(),
        Combinations::Listed(sets) => {
            join(sets.iter().map(|set| set.join("+")).collect::<Vec<_>>().iter().map(String::as_str))
        }
    }
}

/// The values without repetition, in their order.
fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

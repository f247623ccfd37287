//! From layers to one specification: flags over file over environment over defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use matrix_engine::protocol::{Platform, Sampling as Choice};

use super::combination::{Combinations, MAX_ALL, Rule};
use super::expected::Expected;
use super::file::Source;
use super::flags::Flags;
use super::gate::{FailOn, Gate, LAST_GREEN};
use super::include::Include;
use super::node::Fault;
use super::optimization::Chosen;
use super::origin::{Origin, Sourced};
use super::place::{Path, Step};
use super::scenario::{DEFAULT_DECODE, DEFAULT_TEXTS, DEFAULT_TOKENS};
use super::selector::{Selector, is_model};
use super::setting::Value;
use super::word::UnknownWord;
use super::written::Written;
use super::{environment, file, flags};
use crate::browser::BrowserId;
use crate::error::{Error, Result};
use crate::plan::{Model, Profile, Sampling, Scenario, Timeouts};

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
    pub include: Vec<Include>,
    /// Cells removed.
    pub exclude: Vec<Selector>,
    /// Outcomes known.
    pub expect: Vec<Expected>,
    /// What the run is held against; nothing without.
    pub gate: Option<Gate>,
    /// File of known outcomes.
    pub expectations: Option<PathBuf>,
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
    pub fn read(path: &std::path::Path, flags: &Flags, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let source = file::read(path)?;
        let name = path.file_stem().map_or_else(|| "matrix".into(), |stem| stem.to_string_lossy().into_owned());
        Self::from_layers(flags, Some((path, &source)), lookup, name)
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
        file: Option<(&std::path::Path, &Source)>,
        lookup: impl Fn(&str) -> Option<String>,
        default_name: String,
    ) -> Result<Self> {
        let mut layers = vec![(Origin::Flag, flags.read()?)];
        layers.extend(file.map(|(path, source)| (Origin::File(path.to_owned()), source.written.clone())));
        let variables = environment::read(lookup)?;
        layers.extend(variables.into_iter().map(|(name, written)| (Origin::Variable(name), written)));
        let shown = file.map(|(_, source)| source.shown.as_str());
        let mut spec = Layers { layers: &layers, origins: Vec::new() }.resolve(default_name, shown)?;
        spec.origins.sort_by(|a, b| a.key.cmp(&b.key));
        let checked = spec.check();
        checked.map_err(|fault| match file {
            Some((_, source)) => file::refuse(&source.shown, &source.text, fault),
            None => flags::refuse(fault),
        })?;
        Ok(spec)
    }

    /// What only shows when the layers are one.
    fn check(&self) -> Result<(), Fault> {
        let fault = |path, message| Fault { path, message, note: None, hint: None };
        let at = |key: &str| Path::default().then(Step::Key(key.into()));
        for (i, model) in self.models.iter().enumerate() {
            if self.models[..i].iter().any(|other| other.name == model.name) {
                let path = at("models").then(Step::Index(i));
                return Err(fault(path, format!("two different models are both called `{}`", model.name))
                    .hint("give one of them another `name`"));
            }
        }
        let included = self.include.iter().map(|include| &include.cells);
        let selectors = included.chain(&self.exclude).chain(self.expect.iter().map(|expected| &expected.cells));
        for selector in selectors {
            let is_here = |wanted: &&String| self.models.iter().any(|model| is_model(wanted, model));
            if let Some(wanted) = selector.models.iter().find(|wanted| !is_here(wanted)) {
                let unknown = UnknownWord::new("model", wanted, self.models.iter().map(|model| model.name.as_str()));
                let fault = fault(selector.models_at.clone(), format!("`{wanted}` is no model of this matrix"));
                return Err(Fault { hint: unknown.suggestion(), ..fault.note(unknown.allowed()) });
            }
        }
        if self.combinations == Combinations::By(Rule::All) && self.optimizations.len() > MAX_ALL {
            let message = format!("`all` of {} optimizations are too many combinations", self.optimizations.len());
            return Err(fault(at("combinations"), message)
                .note(format!("allowed: up to {MAX_ALL} optimizations"))
                .hint("list the combinations you need"));
        }
        if self.sampling.max < self.sampling.min {
            let (min, max) = (self.sampling.min, self.sampling.max);
            let message = format!("at most {max} samples are allowed, but at least {min} are asked for");
            return Err(fault(at("sampling"), message));
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
        let missing = |key: &str, example: &str, flag: &str| match file {
            Some(file) => Error::usage(format!("{file} has no `{key}`")).hint(format!("add `{key}: {example}`")),
            None => Error::usage(format!("no {key} are named")).hint(format!("add `{flag}`, or name a matrix file")),
        };
        let models = self.find("models", |w| w.models.as_ref(), |models| join(models.iter().map(|m| m.name.as_str())));
        let models = models.ok_or_else(|| missing("models", "[bert]", "--model bert"))?;
        let optimizations = self.find(
            "optimizations",
            |w| w.optimizations.as_ref(),
            |all| join(all.iter().map(|chosen| chosen.optimization.word)),
        );
        let optimizations =
            optimizations.ok_or_else(|| missing("optimizations", "{int4: {}}", "--quantization 4bit"))?;
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
            gate: self.gate(),
            expectations: self.find(
                "gate.expectations",
                |w| w.expectations.as_ref(),
                |path| path.display().to_string(),
            ),
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
            lengths: self.lengths(),
            decode: self.take("scenario.decode", |w| w.scenario.decode.as_ref(), ToString::to_string, DEFAULT_DECODE),
            choice: self
                .find("scenario.decode", |w| w.scenario.choice.as_ref(), ToString::to_string)
                .map_or(Choice::Greedy, Choice::from),
            image: self.find("scenario.image", |w| w.scenario.image.as_ref(), |path| path.display().to_string()),
            audio: self.find("scenario.audio", |w| w.scenario.audio.as_ref(), |path| path.display().to_string()),
            seconds: self.find("scenario.seconds", |w| w.scenario.seconds.as_ref(), ToString::to_string),
            video: self.find("scenario.video", |w| w.scenario.video.as_ref(), |path| path.display().to_string()),
            network: self.find("scenario.network", |w| w.scenario.network.as_ref(), ToString::to_string),
        }
    }

    /// The shortest first, each once.
    fn lengths(&mut self) -> Vec<u32> {
        let show = |lengths: &Vec<u32>| lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut lengths = self.find("scenario.lengths", |w| w.scenario.lengths.as_ref(), show).unwrap_or_default();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
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
            pages: self.take("sampling.pages", |w| w.sampling.pages.as_ref(), ToString::to_string, min.min(8)),
            strict: self.take("sampling.strict", |w| w.sampling.strict.as_ref(), ToString::to_string, false),
            memory_profile: self.take(
                "sampling.memory_profile",
                |w| w.sampling.memory_profile.as_ref(),
                ToString::to_string,
                false,
            ),
            profile: self.take(
                "sampling.profile",
                |w| w.sampling.profile.as_ref(),
                |profile| profile.name().into(),
                Profile::default(),
            ),
            trace: self.take("sampling.trace", |w| w.sampling.trace.as_ref(), ToString::to_string, false),
        }
    }

    fn gate(&mut self) -> Option<Gate> {
        self.layers.iter().find(|(_, written)| written.gate.is_some())?;
        let percent = |share: &f64| super::Percent(share / 100.0).to_string();
        let each = |thresholds: &BTreeMap<String, f64>| {
            let texts: Vec<String> =
                thresholds.iter().map(|(metric, share)| format!("{metric} {}", percent(share))).collect();
            texts.join(", ")
        };
        let list = |words: &Vec<String>| words.join(", ");
        Some(Gate {
            against: self.take("gate.against", |w| w.gate.as_ref()?.against.as_ref(), Clone::clone, LAST_GREEN.into()),
            threshold: self.find("gate.threshold", |w| w.gate.as_ref()?.threshold.as_ref(), percent),
            thresholds: self
                .find("gate.thresholds", |w| w.gate.as_ref()?.thresholds.as_ref(), each)
                .unwrap_or_default(),
            metrics: self.find("gate.metrics", |w| w.gate.as_ref()?.metrics.as_ref(), list).unwrap_or_default(),
            across: self.find("gate.across", |w| w.gate.as_ref()?.across.as_ref(), list).unwrap_or_default(),
            fail_on: self.take(
                "gate.fail_on",
                |w| w.gate.as_ref()?.fail_on.as_ref(),
                |fail_on| fail_on.name().into(),
                FailOn::default(),
            ),
        })
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

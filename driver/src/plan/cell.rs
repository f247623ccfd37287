//! One cell of a matrix, fully resolved.

use std::path::PathBuf;

use matrix_engine::catalog::{Family, Size};
use matrix_engine::protocol::{Options, Platform, Sampling as Choice};
use serde::{Deserialize, Serialize};

use crate::browser::BrowserId;
use crate::spec::Goal;

/// Stable name of a cell: equal matrices give equal ids, on every machine.
pub type CellId = String;

/// browser × platform × model × one set of optimizations × scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Hash of everything below that decides what is computed, as far as it was written and is no default.
    pub id: CellId,
    /// Which browser.
    pub browser: BrowserId,
    /// Which device in it.
    pub platform: Platform,
    /// Which model.
    pub model: Model,
    /// The optimizations switched on in the treatment, by their YAML words; joined by `+` in tables.
    pub optimizations: Vec<String>,
    /// What is set otherwise than in the rest of the matrix, for people: `bits 8, window none`; mostly nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Their resolved options. The baseline is `Options::default()`.
    pub treatment: Options,
    /// What is computed.
    pub scenario: Scenario,
    /// How often it is measured.
    pub sampling: Sampling,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// What the user said would happen.
    pub expect: Option<Expectation>,
    /// What the user expects the optimizations to gain and to cost.
    #[serde(default)]
    pub goals: Vec<Goal>,
}

impl Cell {
    /// `int4`, `int4+flash_attention`, …
    #[must_use]
    pub fn optimization(&self) -> String {
        self.optimizations.join("+")
    }

    /// The same with what is set otherwise: `kv_cache (bits 8, window none)`.
    #[must_use]
    pub fn treated(&self) -> String {
        let optimization = self.optimization();
        if self.variant.is_empty() { optimization } else { format!("{optimization} ({})", self.variant) }
    }

    /// `Chrome · webgpu · bert-tiny (synthetic) · int4`, as it was written.
    #[must_use]
    pub fn title(&self) -> String {
        let (browser, platform) = (self.browser.title(), self.platform.name());
        format!("{browser} · {platform} · {} · {}", self.model.title(), self.treated())
    }
}

/// A model of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Model {
    /// Short name in tables: `minilm`, `bert-tiny`, the folder's name.
    pub name: String,
    /// Architecture family, when it is known without opening files.
    pub family: Option<Family>,
    /// Where the weights come from.
    pub weights: Weights,
}

impl Model {
    /// The name, and whether the weights are made up: what stands beside every number.
    #[must_use]
    pub fn title(&self) -> String {
        if self.is_synthetic() { format!("{} (synthetic)", self.name) } else { self.name.clone() }
    }

    /// Whether the weights are made up; said wherever a number of the model is shown.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        matches!(self.weights, Weights::Synthetic { .. })
    }
}

/// Where a model's weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Weights {
    /// A preset: published architecture, seeded synthetic values.
    Synthetic {
        /// Which shape.
        size: Size,
        /// Seed of every value.
        seed: u64,
    },
    /// A named set that `matrix weights add` fetches.
    Named {
        /// `minilm`, …
        name: String,
    },
    /// A Hugging Face folder.
    Folder {
        /// The folder, as written in the matrix, made absolute.
        path: PathBuf,
    },
}

/// What a cell computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Real sentences (where the model has a tokenizer) or seeded ids (where it has none).
    pub texts: Vec<String>,
    /// Tokens per sequence when ids are seeded.
    pub tokens: u32,
    /// Tokens of the prompts at which it is compared with f32 besides; only where keys and values are kept in less
    /// memory, which shows with their number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lengths: Vec<u32>,
    /// Tokens that a model which continues text is asked for.
    pub decode: u32,
    /// How each of these tokens is chosen.
    #[serde(default = "likeliest", skip_serializing_if = "is_likeliest")]
    pub choice: Choice,
    /// The PNG or JPEG file that models look at, as written; made up without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<PathBuf>,
    /// The WAV or FLAC file that models hear, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<PathBuf>,
    /// How long the sound is that is made up without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// The folder of frames that models watch, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<PathBuf>,
    /// What the wire that weights come over is like; as fast as the machine without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

impl Scenario {
    /// The same with prompts of this many tokens and no others: one prompt of all sentences, where several would all
    /// be shorter.
    #[must_use]
    pub fn at(&self, tokens: u32) -> Self {
        Self { texts: vec![self.texts.join(" ")], tokens, ..self.plain() }
    }

    /// The same without other lengths.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { lengths: Vec::new(), ..self.clone() }
    }
}

/// A network as a scenario describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Network {
    /// Milliseconds between a request and the first byte of its answer.
    #[serde(default)]
    pub latency_ms: u32,
    /// Megabits per second of one connection; not limited where it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mbps: Option<u32>,
    /// Megabits per second of all connections together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_mbps: Option<u32>,
}

fn likeliest() -> Choice {
    Choice::Greedy
}

fn is_likeliest(choice: &Choice) -> bool {
    *choice == Choice::Greedy
}

/// How often a cell is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Blocks that are always taken. A block holds one sample of each arm.
    pub min: u32,
    /// Blocks that are never exceeded; with none, steady times are not taken at all.
    pub max: u32,
    /// Stop when the interval's half width is below this fraction (0.05 = 5 %).
    pub target_half_width: f64,
    /// Stop after this many seconds of sampling.
    pub budget_s: f64,
    /// Blocks of fresh pages, on which load and first inference are timed; in a used browser the first of them only
    /// warms up, if there is another.
    #[serde(default = "one")]
    pub pages: u32,
    /// Whether times of a software adapter, a page with a coarse clock or a busy machine don't count.
    #[serde(default)]
    pub strict: bool,
    /// Whether it is kept how the memory of both arms went.
    #[serde(default)]
    pub memory_profile: bool,
    /// Whose browser a fresh page is opened in.
    #[serde(default, skip_serializing_if = "Profile::is_warm")]
    pub profile: Profile,
    /// Whether operations are timed by themselves, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trace: bool,
}

/// What a browser has kept when a fresh page is opened in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// What earlier pages left: compiled shaders, warmed code.
    #[default]
    Warm,
    /// Nothing: the browser is started anew for every page.
    Fresh,
}

impl Profile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Warm, Self::Fresh];

    /// The word in matrix files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Fresh => "fresh",
        }
    }

    /// Whether it is the usual one.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        *self == Self::Warm
    }
}

fn one() -> u32 {
    1
}

/// How long a cell may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Loading a model.
    pub load_s: f64,
    /// The whole cell.
    pub cell_s: f64,
    /// Silence after which the page counts as hung.
    pub heartbeat_s: f64,
}

/// What the user expects of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The expected table entry or cell status: `limited`, `unsupported`, …
    pub status: String,
    /// Why.
    pub why: String,
}

//! The optimizations a matrix may name, one table row each, and what can be set about them.

use matrix_engine::catalog::Family;
use matrix_engine::protocol::{FlashAttention, Integer, Options, Precision};

use super::goal::Goal;
use super::integer::{ACTIVATIONS, CALIBRATION, CALIBRATION_SET, GROUP_SIZE, HIGH_BITS_NAMES, SCHEME, SKIP_NAMES};
use super::kv_cache::KV_CACHE;
use super::loading::{CPU_OFFLOAD, PARALLEL_LOADING, PROGRESSIVE_LOADING, STREAMING};
use super::node::{Fault, Node};
use super::setting::{Kind, Setting, Value};
use super::tree::Tree;
use super::word::UnknownWord;

/// An optimization: what it is called and how it is switched on.
#[derive(Debug)]
pub struct Optimization {
    /// The word in matrix files and tables.
    pub word: &'static str,
    /// The name people know it by.
    pub title: &'static str,
    /// Other spellings people try; only ever suggested.
    pub also: &'static [&'static str],
    /// The environment variable that switches it on.
    pub variable: Option<&'static str>,
    /// Families it is for; all, if none is named.
    pub families: &'static [Family],
    /// What can be set.
    pub settings: &'static [Setting],
    /// What of the engine it changes. Two that change the same exclude each other.
    pub seam: &'static str,
    /// Switches it on with default settings.
    pub switch_on: fn(&mut Options),
}

/// Every optimization, in the order of table columns.
pub const OPTIMIZATIONS: &[Optimization] = &[
    Optimization {
        word: "int4",
        title: "4-bit quantization",
        also: &["4bit", "4-bit", "q4", "quantization", "4bit_quantization"],
        variable: Some("WEBGPU_DEFAULT_TO_4BIT"),
        families: &[],
        settings: &[SCHEME, GROUP_SIZE, CALIBRATION, CALIBRATION_SET, ACTIVATIONS, SKIP_NAMES, HIGH_BITS_NAMES],
        seam: "weights",
        switch_on: |options| options.integer = Some(Integer::bits(4)),
    },
    Optimization {
        word: "int8",
        title: "8-bit quantization",
        also: &["8bit", "8-bit", "q8", "8bit_quantization"],
        variable: None,
        families: &[],
        settings: &[SCHEME, GROUP_SIZE, CALIBRATION, CALIBRATION_SET, ACTIVATIONS, SKIP_NAMES],
        seam: "weights",
        switch_on: |options| options.integer = Some(Integer::bits(8)),
    },
    Optimization {
        word: "f16",
        title: "16-bit weights",
        also: &["fp16", "float16", "half", "16bit"],
        variable: None,
        families: &[],
        settings: &[],
        seam: "floats",
        switch_on: |options| options.f16 = true,
    },
    FLASH_ATTENTION,
    KV_CACHE,
    COMPUTE_SHADERS,
    SHADER_PRECOMPILE,
    PROGRESSIVE_LOADING,
    PARALLEL_LOADING,
    STREAMING,
    CPU_OFFLOAD,
];

const FLASH_ATTENTION: Optimization = Optimization {
    word: "flash_attention",
    title: "Flash attention",
    also: &["flash-attention", "flash", "flash_attn", "memory_efficient_attention"],
    variable: Some("WEBGPU_FLASH_ATTENTION"),
    families: &[],
    settings: &[
        Setting {
            key: "block_size",
            kind: Kind::Either("auto", &[32, 64]),
            variable: Some("WEBGPU_FLASH_ATTENTION_BLOCK_SIZE"),
            default: || Value::Word("auto"),
            apply: |options, value| {
                if let Some(flash) = &mut options.flash_attention {
                    flash.block_size = if let Value::Count(size) = value { Some(*size) } else { None };
                }
            },
        },
        Setting {
            key: "precision",
            kind: Kind::Word(&["f32", "f16"]),
            variable: Some("WEBGPU_FLASH_ATTENTION_PRECISION"),
            default: || Value::Word("f32"),
            apply: |options, value| {
                if let (Some(flash), Value::Word(word)) = (&mut options.flash_attention, value) {
                    flash.precision = if *word == "f16" { Precision::F16 } else { Precision::F32 };
                }
            },
        },
    ],
    seam: "attention",
    switch_on: |options| options.flash_attention = Some(FlashAttention::default()),
};

const COMPUTE_SHADERS: Optimization = Optimization {
    word: "compute_shaders",
    title: "Compute shaders for audio",
    also: &["compute-shaders", "compute_shader", "audio_compute_shaders", "audio_shaders"],
    variable: Some("WEBGPU_COMPUTE_SHADERS_ENABLED"),
    families: &[Family::Whisper, Family::Wav2vec2, Family::Clap],
    settings: &[],
    seam: FRONT_END,
    switch_on: |options| options.compute_shaders = true,
};

const FRONT_END: &str = "front end";
const PIPELINES: &str = "pipelines";

const SHADER_PRECOMPILE: Optimization = Optimization {
    word: "shader_precompile",
    title: "Shader precompilation",
    also: &["shader-precompile", "shader_precompilation", "precompile", "precompile_shaders"],
    variable: Some("WEBGPU_SHADER_PRECOMPILE_ENABLED"),
    families: &[],
    settings: &[],
    seam: PIPELINES,
    switch_on: |options| options.shader_precompile = true,
};

/// Two of `words` that change the same part of the engine.
#[must_use]
pub fn conflict<'a>(words: &[&'a str]) -> Option<[&'a str; 2]> {
    let seam = |word: &str| find(word).ok().map(|optimization| optimization.seam);
    let pairs = words.iter().enumerate().flat_map(|(i, a)| words[i + 1..].iter().map(move |b| [*a, *b]));
    pairs.into_iter().find(|[a, b]| a != b && seam(a).is_some() && seam(a) == seam(b))
}

/// An optimization as written somewhere: which one, what was set, what is hoped for.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Which.
    pub optimization: &'static Optimization,
    /// The settings written, by key.
    pub settings: Vec<(&'static str, Value)>,
    /// What the user expects of it.
    pub goals: Vec<Goal>,
}

/// The optimization called `word`.
///
/// # Errors
/// When none is.
pub fn find(word: &str) -> Result<&'static Optimization, UnknownWord> {
    let found = OPTIMIZATIONS.iter().find(|optimization| optimization.word == word);
    found.ok_or_else(|| {
        UnknownWord::new("optimization", word, OPTIMIZATIONS.iter().map(|optimization| optimization.word))
    })
}

impl Optimization {
    /// Whether it is for a model; one of no known family may be anything.
    #[must_use]
    pub fn suits(&self, family: Option<Family>) -> bool {
        self.families.is_empty() || family.is_none_or(|family| self.families.contains(&family))
    }

    /// Whether it is about what only a GPU has.
    #[must_use]
    pub fn is_for_gpus(&self) -> bool {
        [PIPELINES, FRONT_END].contains(&self.seam)
    }

    /// Whether only a browser that nobody has used shows what it gains: another has its pipelines.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        self.seam == PIPELINES
    }

    /// The setting called `key`.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }
}

/// Reads the name of an optimization.
///
/// # Errors
/// When it is none.
pub fn read_word(node: &Node<'_>) -> Result<&'static Optimization, Fault> {
    find(node.text("an optimization")?).map_err(|unknown| {
        let meant = OPTIMIZATIONS.iter().find(|row| row.also.contains(&unknown.found.to_lowercase().as_str()));
        let fault = node.unknown(&unknown);
        match meant {
            Some(row) => fault.hint(format!("{} is called `{}`", row.title, row.word)),
            None => fault,
        }
    })
}

/// Reads the map `word: {setting: value, expect: {…}}`.
///
/// # Errors
/// When a word, a key or a value does not exist.
pub fn read_map(node: &Node<'_>) -> Result<Vec<Chosen>, Fault> {
    let entries =
        node.entries("optimizations (a map such as `int4: {group_size: 128}`)").map_err(|fault| match node.tree {
            Tree::List(words) => {
                let word =
                    words.iter().find_map(|word| if let Tree::Text(word) = word { Some(word.as_str()) } else { None });
                fault.hint(format!("write `{}: {{}}` on a line of its own", word.unwrap_or("int4")))
            }
            _ => fault,
        })?;
    if entries.is_empty() {
        return Err(node.fault("expected at least one optimization, found an empty map"));
    }
    entries.into_iter().map(|(word, name, value)| read_entry(word, &name, &value)).collect()
}

fn read_entry(word: &str, name: &Node<'_>, value: &Node<'_>) -> Result<Chosen, Fault> {
    let written = Tree::Text(word.into());
    let optimization = read_word(&Node { tree: &written, path: name.path.clone() })?;
    let mut chosen = Chosen { optimization, settings: Vec::new(), goals: Vec::new() };
    if *value.tree == Tree::Null {
        return Ok(chosen);
    }
    let group = |key: &'static str| key.split_once('.').map_or(key, |(group, _)| group);
    let mut keys: Vec<&str> =
        optimization.settings.iter().map(|setting| group(setting.key)).chain(["expect"]).collect();
    keys.dedup();
    let fields = value.fields(&format!("`{word}`"), &keys)?;
    for setting in optimization.settings {
        let value = match setting.key.split_once('.') {
            None => fields.read(setting.key, |node| setting.kind.read(setting.key, node))?,
            Some((outer, inner)) => {
                let inside = optimization.settings.iter().filter(|other| group(other.key) == outer);
                let keys: Vec<&str> = inside.filter_map(|other| Some(other.key.split_once('.')?.1)).collect();
                let read = |node: &Node<'_>| {
                    let fields = node.fields(&format!("`{outer}`"), &keys)?;
                    fields.read(inner, |node| setting.kind.read(setting.key, node))
                };
                fields.read(outer, read)?.flatten()
            }
        };
        chosen.settings.extend(value.map(|value| (setting.key, value)));
    }
    chosen.goals = fields.read("expect", Goal::read_all)?.unwrap_or_default();
    Ok(chosen)
}

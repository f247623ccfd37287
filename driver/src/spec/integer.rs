//! Settings of integer weights.

use matrix_engine::protocol::{Activations, Calibration, Integer, Scheme};

use super::setting::{Kind, Setting, Value};

pub(super) const SCHEME: Setting = Setting {
    key: "scheme",
    kind: Kind::Word(&["symmetric", "asymmetric"]),
    variable: Some("WEBGPU_QUANTIZATION_SCHEME"),
    default: || Value::Word("symmetric"),
    apply: |options, value| {
        if let (Some(integer), Value::Word(word)) = (&mut options.integer, value) {
            integer.scheme = if *word == "asymmetric" { Scheme::Asymmetric } else { Scheme::Symmetric };
        }
    },
};

pub(super) const GROUP_SIZE: Setting = Setting {
    key: "group_size",
    kind: Kind::PowerOfTwo(32, 512),
    variable: Some("WEBGPU_QUANTIZATION_GROUP_SIZE"),
    default: || Value::Count(Integer::bits(4).group_size),
    apply: |options, value| {
        if let (Some(integer), Value::Count(size)) = (&mut options.integer, value) {
            integer.group_size = *size;
        }
    },
};

pub(super) const CALIBRATION: Setting = Setting {
    key: "calibration",
    kind: Kind::Word(&["none", "mse", "hqq", "activations"]),
    variable: Some("WEBGPU_QUANTIZATION_CALIBRATION"),
    default: || Value::Word("none"),
    apply: |options, value| {
        if let (Some(integer), Value::Word(word)) = (&mut options.integer, value) {
            integer.calibration = match *word {
                "mse" => Calibration::Mse,
                "hqq" => Calibration::Hqq,
                "activations" => Calibration::Activations,
                _ => Calibration::None,
            };
        }
    },
};

pub(super) const ACTIVATIONS: Setting = Setting {
    key: "activations",
    kind: Kind::Word(&["auto", "f32", "f16", "int8"]),
    variable: Some("WEBGPU_QUANTIZATION_ACTIVATIONS"),
    default: || Value::Word("auto"),
    apply: |options, value| {
        if let (Some(integer), Value::Word(word)) = (&mut options.integer, value) {
            integer.activations = match *word {
                "f32" => Activations::F32,
                "f16" => Activations::F16,
                "int8" => Activations::Int8,
                _ => Activations::Auto,
            };
        }
    },
};

pub(super) const CALIBRATION_SET: Setting = Setting {
    key: "calibration_set",
    kind: Kind::Texts,
    variable: Some("WEBGPU_QUANTIZATION_CALIBRATION_SET"),
    default: || Value::Names(Vec::new()),
    apply: |options, value| {
        if let (Some(integer), Value::Names(entries)) = (&mut options.integer, value) {
            integer.calibration_set.clone_from(entries);
        }
    },
};

/// The words of calibrations.
#[must_use]
pub fn calibrations() -> &'static [&'static str] {
    if let Kind::Word(words) = &CALIBRATION.kind { words } else { &[] }
}

pub(super) const SKIP_NAMES: Setting = Setting {
    key: "skip_names",
    kind: Kind::Names,
    variable: Some("WEBGPU_QUANTIZATION_SKIP_NAMES"),
    default: || Value::Names(Vec::new()),
    apply: |options, value| {
        if let (Some(integer), Value::Names(names)) = (&mut options.integer, value) {
            integer.skip_names.clone_from(names);
        }
    },
};

pub(super) const HIGH_BITS_NAMES: Setting = Setting {
    key: "high_bits_names",
    kind: Kind::Names,
    variable: Some("WEBGPU_QUANTIZATION_HIGH_BITS_NAMES"),
    default: || Value::Names(Vec::new()),
    apply: |options, value| {
        if let (Some(integer), Value::Names(names)) = (&mut options.integer, value) {
            integer.high_bits_names.clone_from(names);
        }
    },
};

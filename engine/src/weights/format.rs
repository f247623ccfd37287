//! How a weight is stored on the device.

use serde::{Deserialize, Serialize};

use super::{Declared, Packed, Role, Stored, glob, half, integer};
use crate::{
    error::{Error, Result},
    protocol::{Activations, Calibration, Integer, Options, Scheme},
};

/// Storage format of one weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Group-wise integers.
    Integer {
        /// Bits of a code.
        bits: u32,
        /// Weights that share a scale.
        group: u32,
        /// Whether groups have zero points.
        zeros: bool,
        /// How scales and zero points are chosen.
        calibration: Calibration,
        /// What they are multiplied with.
        activations: Activations,
        /// Whether columns are in another order than inputs, which is stored with them.
        ordered: bool,
    },
}

impl Format {
    /// The format `options` ask for. Only matrices of linear layers are quantized unless a name is given:
    /// they hold nearly all values of a model, and tables, norms and biases lose more accuracy than they
    /// save memory. Where files hold integers, these stay what they are, and so do the floats beside them.
    #[must_use]
    pub fn choose(weight: &Declared, options: &Options) -> Self {
        let [_, _] = weight.shape.as_slice() else { return Self::F32 };
        let floats =
            if options.f16 && matches!(weight.role, Role::Linear | Role::Embedding) { Self::F16 } else { Self::F32 };
        let Some(integer) = &options.integer else { return floats };
        let named = |patterns: &[String]| patterns.iter().any(|pattern| glob::matches(pattern, &weight.name));
        let bits = match (weight.role, weight.stored) {
            (Role::Linear | Role::Embedding, _) if named(&integer.skip_names) => return floats,
            (_, Stored::Integers(packed)) => return packed.format(integer.activations),
            (Role::Linear | Role::Embedding, _) if named(&integer.high_bits_names) => 8,
            (Role::Linear, Stored::Floats) => integer.bits,
            _ => return floats,
        };
        Self::Integer {
            bits,
            group: integer.group_size,
            zeros: integer.scheme == Scheme::Asymmetric,
            calibration: integer.calibration,
            activations: integer.activations,
            ordered: false,
        }
    }

    /// What weights of this format are multiplied with.
    #[must_use]
    pub fn activations(self) -> Activations {
        if let Self::Integer { activations, .. } = self { activations } else { Activations::Auto }
    }

    /// Whether weights of this format have an order of their inputs.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Integer { ordered: true, .. })
    }

    /// The word used in reports.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::F32 => "f32".into(),
            Self::F16 => "f16".into(),
            Self::Integer { bits, .. } => format!("int{bits}"),
        }
    }

    /// Where the parts of a quantized matrix lie; `None` for floats.
    #[must_use]
    pub fn integers(self, shape: &[usize]) -> Option<integer::Layout> {
        match (self, shape) {
            (Self::Integer { bits, group, zeros, .. }, &[rows, columns]) => {
                Some(integer::Layout { rows, columns, bits, group: group as usize, zeros })
            }
            _ => None,
        }
    }

    /// Where 16-bit floats lie; `None` for other formats.
    #[must_use]
    pub fn halves(self, shape: &[usize]) -> Option<half::Layout> {
        match (self, shape) {
            (Self::F16, &[rows, columns]) => Some(half::Layout { rows, columns }),
            _ => None,
        }
    }

    /// Bytes of a weight of this shape on the device.
    #[must_use]
    pub fn bytes(self, shape: &[usize]) -> u64 {
        let floats = || 4 * shape.iter().map(|&d| d as u64).product::<u64>();
        let halves = self.halves(shape).map(half::Layout::bytes);
        let order = |layout: integer::Layout| if self.is_ordered() { 4 * layout.columns as u64 } else { 0 };
        let integers = self.integers(shape).map(|layout| layout.bytes() + order(layout));
        integers.or(halves).unwrap_or_else(floats)
    }
}

/// Checks what a user may have asked for.
pub fn check(options: &Options) -> Result<()> {
    let Some(Integer { bits, group_size, calibration, calibration_set, .. }) = &options.integer else { return Ok(()) };
    let (bits, group_size) = (*bits, *group_size);
    if ![4, 8].contains(&bits) {
        return Err(Error::unsupported("unusable number of bits")
            .of("integer weights")
            .expected("4 or 8")
            .found(bits.to_string()));
    }
    if !(32..=512).contains(&group_size) || !group_size.is_power_of_two() {
        return Err(Error::unsupported("unusable group size")
            .of(format!("int{bits}"))
            .expected("32, 64, 128, 256 or 512")
            .found(group_size.to_string()));
    }
    match (calibration, calibration_set.is_empty()) {
        (Calibration::Activations, true) => Err(Error::unsupported("nothing to look at activations with")
            .of("calibration: activations")
            .expected("a `calibration_set` of sentences or files")
            .hint("name some that are like what the model is used for, but not those it is judged by")),
        (Calibration::None | Calibration::Mse | Calibration::Hqq, false) => {
            Err(Error::unsupported("only `calibration: activations` looks at a set").of("calibration_set"))
        }
        _ => Ok(()),
    }
}

/// Checks that `options` don't ask for other integers than the files hold.
pub fn check_stored(declared: &[Declared], options: &Options) -> Result<()> {
    let (Some(integer), Some(packed)) = (&options.integer, declared.iter().find_map(packed)) else { return Ok(()) };
    if packed.layout.bits == integer.bits {
        return Ok(());
    }
    Err(Error::unsupported("the weights are integers of another width already")
        .of(format!("int{}", integer.bits))
        .expected(format!("int{}, as the files have it", packed.layout.bits))
        .found(format!("{} bits", integer.bits)))
}

fn packed(weight: &Declared) -> Option<Packed> {
    if let Stored::Integers(packed) = weight.stored { Some(packed) } else { None }
}

/// What in `options` has no effect on these weights.
#[must_use]
pub fn warnings(declared: &[Declared], options: &Options) -> Vec<String> {
    let Some(integer) = &options.integer else { return Vec::new() };
    let idle = |key: &str, patterns: &[String]| {
        let unused = |pattern: &&String| !declared.iter().any(|weight| glob::matches(pattern, &weight.name));
        let example = declared.first().map_or("", |weight| weight.name.as_str());
        let warning = |pattern| format!("`{key}`: '{pattern}' matches no weight; their names are like '{example}'");
        patterns.iter().filter(unused).map(warning).collect::<Vec<_>>()
    };
    let stored = declared.iter().find_map(packed).map(|packed| {
        let (group, zeros) = (packed.packing.group, if packed.layout.zeros { "with" } else { "without" });
        let groups = group.map_or("one group a row".to_owned(), |group| format!("groups of {group}"));
        format!("the checkpoint is quantized already and stays as it is: {groups}, {zeros} zero points")
    });
    let idle = [idle("skip_names", &integer.skip_names), idle("high_bits_names", &integer.high_bits_names)].concat();
    stored.into_iter().chain(idle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, role: Role, shape: &[usize]) -> Declared {
        Declared {
            name: name.into(),
            shape: shape.to_vec(),
            role,
            stored: Stored::Floats,
            transposed: false,
            gain: 1.0,
            importance: None,
        }
    }

    #[test]
    fn names_decide_over_roles_and_skipping_over_bits() {
        let words = declared("model.embed_tokens.weight", Role::Embedding, &[100, 64]);
        let gate = declared("model.layers.0.mlp.gate.weight", Role::Linear, &[64, 64]);
        let up = declared("model.layers.0.mlp.up.weight", Role::Linear, &[64, 64]);
        let norm = declared("model.embed_norm.weight", Role::Scale, &[64]);
        let bits = |integer: Integer| {
            let options = Options { integer: Some(integer), f16: true, ..Options::default() };
            [&words, &gate, &up, &norm].map(|weight| match Format::choose(weight, &options) {
                Format::F32 => 32,
                Format::F16 => 16,
                Format::Integer { bits, .. } => bits,
            })
        };
        assert_eq!(bits(Integer::bits(4)), [16, 4, 4, 32]);
        let named = Integer {
            skip_names: vec!["*gate*".into()],
            high_bits_names: vec!["*embed*".into(), "*gate*".into()],
            ..Integer::bits(4)
        };
        assert_eq!(bits(named.clone()), [8, 16, 4, 32]);
        assert!(warnings(&[words, gate], &Options { integer: Some(named), ..Options::default() }).is_empty());
    }

    #[test]
    fn a_pattern_without_effect_is_told() {
        let up = [declared("layers.0.up.weight", Role::Linear, &[64, 64])];
        let integer = Integer { skip_names: vec!["*up*".into(), "lm_head".into()], ..Integer::bits(4) };
        let want = "`skip_names`: 'lm_head' matches no weight; their names are like 'layers.0.up.weight'";
        assert_eq!(warnings(&up, &Options { integer: Some(integer), ..Options::default() }), [want]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |integer| {
            check(&Options { integer: Some(integer), ..Options::default() }).expect_err("refused").to_string()
        };
        assert_eq!(refused(Integer::bits(3)), "integer weights: unusable number of bits: expected 4 or 8, found 3");
        let group = Integer { group_size: 48, ..Integer::bits(8) };
        assert_eq!(refused(group), "int8: unusable group size: expected 32, 64, 128, 256 or 512, found 48");
        let set = Integer { calibration_set: vec!["A sentence.".into()], ..Integer::bits(4) };
        assert_eq!(refused(set.clone()), "calibration_set: only `calibration: activations` looks at a set");
        let empty = Integer { calibration: Calibration::Activations, ..Integer::bits(4) };
        assert_eq!(
            refused(empty),
            "calibration: activations: nothing to look at activations with: expected a `calibration_set` of sentences \
             or files (hint: name some that are like what the model is used for, but not those it is judged by)"
        );
        let both = Integer { calibration: Calibration::Activations, ..set };
        assert!(check(&Options { integer: Some(both), ..Options::default() }).is_ok());
    }
}

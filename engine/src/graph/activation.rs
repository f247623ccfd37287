//! Functions of one number.

use crate::error::{Error, Result};

/// A function of one number, applied where a linear layer writes its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x · Φ(x), with the error function.
    Gelu,
    /// GELU by tanh, as GPT-2 has it.
    GeluTanh,
    /// x · σ(1.702 · x)
    QuickGelu,
    /// max(x, 0)
    Relu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// x · σ(x)
    Silu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    const NAMES: [(&str, Self); 10] = [
        ("gelu", Self::Gelu),
        ("gelu_python", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("quick_gelu", Self::QuickGelu),
        ("relu", Self::Relu),
        ("sigmoid", Self::Sigmoid),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("tanh", Self::Tanh),
    ];

    /// Every activation.
    pub const ALL: [Self; 7] =
        [Self::Gelu, Self::GeluTanh, Self::QuickGelu, Self::Relu, Self::Sigmoid, Self::Silu, Self::Tanh];

    /// The activation a configuration names.
    pub fn parse(key: &str, name: &str) -> Result<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, activation)| activation).ok_or_else(|| {
            let known: Vec<_> = Self::NAMES.iter().map(|(known, _)| *known).collect();
            Error::unsupported("unknown activation")
                .of(format!("config.json: '{key}'"))
                .expected(known.join(", "))
                .found(format!("'{name}'"))
        })
    }
}

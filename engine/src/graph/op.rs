//! The closed list of operations, and what shape each makes of its operands.

use crate::error::{Error, Result};

/// A function of one number, applied where a linear layer writes its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x · Φ(x), with the error function.
    Gelu,
    /// GELU by tanh, as GPT-2 has it.
    GeluTanh,
    /// max(x, 0)
    Relu,
    /// x · σ(x)
    Silu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    const NAMES: [(&str, Self); 8] = [
        ("gelu", Self::Gelu),
        ("gelu_python", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("relu", Self::Relu),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("tanh", Self::Tanh),
    ];

    /// Every activation.
    pub const ALL: [Self; 5] = [Self::Gelu, Self::GeluTanh, Self::Relu, Self::Silu, Self::Tanh];

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

/// An operation. Its operands are listed in order; `…` stands for any leading axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// ids `[…]`, table `[V, H]` → `[…, H]`
    Gather,
    /// a `[…]`, b `[…]` → a + b
    Add,
    /// x `[…, H]`, scale `[H]`, shift `[H]` and, with a residual, a second `[…, H]` that is added to x first.
    LayerNorm {
        /// Added to the variance.
        epsilon: f32,
        /// Whether there is a fourth operand.
        residual: bool,
    },
    /// x `[…, K]`, weight `[N, K]`, bias `[N]` → activation(x · weightᵀ + bias) `[…, N]`
    Linear {
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// query `[B, S, H]`, key `[B, T, H]` → scaled dot products `[B, heads, S, T]`
    AttentionScores {
        /// Number of heads.
        heads: usize,
        /// Factor of every product.
        scale: f32,
    },
    /// scores `[B, heads, S, T]`, mask `[B, T]` → softmax over the last axis where the mask is not 0.
    /// Written over the scores.
    AttentionSoftmax,
    /// probabilities `[B, heads, S, T]`, value `[B, T, H]` → `[B, S, H]`
    AttentionContext,
    /// x `[B, S, H]` → the first of the S rows `[B, H]`
    FirstRow,
    /// x `[B, S, H]`, mask `[B, S]` → mean of the rows where the mask is not 0 `[B, H]`
    MeanRows,
    /// x `[…, H]` → x divided by its Euclidean length
    Normalize,
}

impl Op {
    /// Whether the result is written over the first operand.
    #[must_use]
    pub fn in_place(self) -> bool {
        matches!(self, Self::AttentionSoftmax)
    }

    /// Shape of the result.
    pub fn shape(self, operands: &[&[usize]]) -> Result<Vec<usize>> {
        let shape = match (self, operands) {
            (Self::Gather, [ids, [_, width]]) => Some([ids, &[*width][..]].concat()),
            (Self::Add, [a, b]) if a == b => Some(a.to_vec()),
            (Self::LayerNorm { residual: false, .. }, [x @ [.., h], [s], [b]]) if h == s && h == b => Some(x.to_vec()),
            (Self::LayerNorm { residual: true, .. }, [x @ [.., h], [s], [b], r]) if h == s && h == b && x == r => {
                Some(x.to_vec())
            }
            (Self::Linear { .. }, [[rows @ .., k], [n, inputs], [bias]]) if k == inputs && n == bias => {
                Some([rows, &[*n]].concat())
            }
            (Self::AttentionScores { heads, .. }, [[b, s, h], [b2, t, h2]])
                if b == b2 && h == h2 && heads > 0 && h % heads == 0 =>
            {
                Some(vec![*b, heads, *s, *t])
            }
            (Self::AttentionSoftmax, [x @ [b, _, _, t], [b2, t2]]) if b == b2 && t == t2 => Some(x.to_vec()),
            (Self::AttentionContext, [[b, heads, s, t], [b2, t2, h]])
                if b == b2 && t == t2 && *heads > 0 && h % heads == 0 =>
            {
                Some(vec![*b, *s, *h])
            }
            (Self::FirstRow, [[b, _, h]]) => Some(vec![*b, *h]),
            (Self::MeanRows, [[b, s, h], [b2, s2]]) if b == b2 && s == s2 => Some(vec![*b, *h]),
            (Self::Normalize, [x @ [.., _]]) => Some(x.to_vec()),
            _ => None,
        };
        shape.ok_or_else(|| {
            Error::internal(format!("{self:?} does not take these shapes")).found(format!("{operands:?}"))
        })
    }
}

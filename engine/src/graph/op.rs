//! The closed list of operations, and what shape each makes of its operands.

use super::{Conv, Strided, Window};
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

/// An operation. Its operands are listed in order; `…` stands for any leading axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// ids `[…]`, table `[V, H]` → `[…, H]`
    Gather,
    /// a `[…, …]`, b `[…]` → a + b, with b repeated over the leading axes that only a has
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
    /// scores `[B, heads, S, T]` and, if there is padding, mask `[B, T]` → softmax over the last axis where the
    /// mask is not 0. Written over the scores.
    AttentionSoftmax {
        /// S
        queries: usize,
        /// T
        keys: usize,
        /// Whether query i sees keys up to i + T - S only.
        causal: bool,
    },
    /// probabilities `[B, heads, S, T]`, value `[B, T, H]` → `[B, S, H]`
    AttentionContext,
    /// x `[B, S, H]` → the first of the S rows `[B, H]`
    FirstRow,
    /// x `[B, S, H]`, mask `[B, S]` → mean of the rows where the mask is not 0 `[B, H]`
    MeanRows,
    /// x `[…, H]` → x divided by its Euclidean length
    Normalize,
    /// x `[B, H, W, C]`, weight `[O, C / groups, h, w]` and perhaps bias `[O]` → `[B, H', W', O]`. See [`Conv`].
    Conv(Conv),
    /// x `[B, H, W, C]` → the largest or mean value of every window `[B, H', W', C]`, padding left out.
    Pool {
        /// Height and width of a window.
        size: [usize; 2],
        /// Its steps.
        window: Window,
        /// Whether the mean is taken.
        mean: bool,
    },
    /// Any tensor → a tensor made of its values. See [`Strided`].
    Copy(Strided),
    /// a, b, equal but for `axis` → b behind a
    Concat {
        /// Where they are joined.
        axis: usize,
    },
    /// x `[…, C]`, mean, variance, scale, shift `[C]` and, with a residual, a second x → per channel
    /// activation((x - mean) / √(variance + ε) · scale + shift + residual) (Ioffe & Szegedy 2015)
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
        /// Whether there is a sixth operand.
        residual: bool,
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// x `[B, …, C]`, scale, shift `[C]` → norm over all positions and the channels of a group, then the
    /// activation (Wu & He 2018)
    GroupNorm {
        /// Groups of channels.
        groups: usize,
        /// Added to the variance.
        epsilon: f32,
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// x `[…, C]`, scale `[C]`, residual `[…, C]` → x · scale + residual
    ScaleAdd,
    /// x `[…]`, s `[]` → x · exp(s)
    ScaleExp,
    /// x `[…]` → activation(x)
    Activate(Activation),
    /// x `[…, S, W]` → `[…, length, W]` by cubic interpolation with a = -0.75, first and last rows kept
    Resize {
        /// Rows of the result.
        length: usize,
    },
    /// x `[B, S, W]`, mask `[B, S]` → x, and 0 where the mask is 0
    MaskRows,
}

impl Op {
    /// Whether the result is written over the first operand.
    #[must_use]
    pub fn in_place(self) -> bool {
        matches!(self, Self::AttentionSoftmax { .. })
    }

    /// Shape of the result.
    pub fn shape(self, operands: &[&[usize]]) -> Result<Vec<usize>> {
        let shape = match (self, operands) {
            (Self::Gather, [ids, [_, width]]) => Some([ids, &[*width][..]].concat()),
            (Self::Add, [a, b]) if a.ends_with(b) => Some(a.to_vec()),
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
            (Self::AttentionSoftmax { queries, keys, .. }, [x @ [b, _, s, t], mask @ ..])
                if *s == queries && *t == keys && mask.iter().all(|mask| *mask == [*b, *t]) =>
            {
                Some(x.to_vec())
            }
            (Self::AttentionContext, [[b, heads, s, t], [b2, t2, h]])
                if b == b2 && t == t2 && *heads > 0 && h % heads == 0 =>
            {
                Some(vec![*b, *s, *h])
            }
            (Self::FirstRow, [[b, _, h]]) => Some(vec![*b, *h]),
            (Self::MeanRows, [[b, s, h], [b2, s2]]) if b == b2 && s == s2 => Some(vec![*b, *h]),
            (Self::Normalize, [x @ [.., _]]) => Some(x.to_vec()),
            (Self::Conv(conv), [x, weight, bias @ ..]) if bias.iter().all(|bias| **bias == [weight[0]]) => {
                conv.extent(x, weight).map(|extent| extent.shape())
            }
            (Self::Pool { size, window, .. }, [[b, h, w, c]]) => {
                window.steps([*h, *w], size).map(|[h, w]| vec![*b, h, w, *c])
            }
            (Self::Copy(copy), [x]) => copy.shape(x),
            (Self::Concat { axis }, [a, b]) if a.len() == b.len() && axis < a.len() => {
                let mut shape = a.to_vec();
                shape[axis] = b[axis];
                let joins = shape == *b;
                shape[axis] = a[axis] + b[axis];
                joins.then_some(shape)
            }
            (Self::BatchNorm { residual, .. }, [x @ [.., c], mean, variance, scale, shift, rest @ ..])
                if [mean, variance, scale, shift].iter().all(|v| ***v == [*c])
                    && rest.len() == usize::from(residual)
                    && rest.iter().all(|r| r == x) =>
            {
                Some(x.to_vec())
            }
            (Self::GroupNorm { groups, .. }, [x @ [_, .., c], [s], [b]])
                if c == s && c == b && groups > 0 && c % groups == 0 =>
            {
                Some(x.to_vec())
            }
            (Self::ScaleAdd, [x @ [.., c], [s], r]) if c == s && x == r => Some(x.to_vec()),
            (Self::ScaleExp, [x, []]) | (Self::Activate(_), [x]) => Some(x.to_vec()),
            (Self::Resize { length }, [[lead @ .., s, w]]) if *s > 0 && length > 0 => {
                Some([lead, &[length, *w]].concat())
            }
            (Self::MaskRows, [x @ [b, s, _], [b2, s2]]) if b == b2 && s == s2 => Some(x.to_vec()),
            _ => None,
        };
        shape.ok_or_else(|| {
            Error::internal(format!("{self:?} does not take these shapes")).found(format!("{operands:?}"))
        })
    }
}

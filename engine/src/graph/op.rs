//! The closed list of operations, and what shape each makes of its operands.

use super::{Conv, Element, Flash, Select, Sound, Store, Stored, Strided, Window, part_width};
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
    /// x `[…, K]`, weight `[N, K]` and perhaps an addend, bias `[N]` or residual `[…, N]` → activation(x · weightᵀ +
    /// addend) `[…, N]`
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
    /// directions `[…, K]`, lengths `[K]` → directions scaled so that each of the K taps has its length
    WeightNorm,
    /// x `[…, H]`, scale `[H]` → x / √(mean x² + ε) · scale (Zhang & Sennrich 2019)
    RmsNorm {
        /// Added to the mean square.
        epsilon: f32,
    },
    /// x `[B, S, H]`, positions `[B, S]`, cosines and sines `[P, R / 2]` → in every head of width H / heads, value
    /// c and value c + R / 2 are turned as a pair; what lies behind the first R stays (Su et al. 2021).
    Rotary {
        /// Number of heads.
        heads: usize,
    },
    /// a `[…]`, b `[…]` → a · b
    Multiply,
    /// x `[…]` → factor · x
    Scale {
        /// The factor.
        factor: f32,
    },
    /// x `[…, H]` → `[…, count]`
    Columns {
        /// The first column that stays.
        first: usize,
        /// How many stay.
        count: usize,
    },
    /// x `[B, S, H]`, rows `[B]` → one row of every sequence `[B, H]`
    TakeRow,
    /// x `[B, T, C]` → for every step the `size` rows from `step · stride - padding` on, channel by channel, zeros
    /// outside x: `[B, T', C · size]`. A linear layer over them is a convolution.
    Windows {
        /// Rows of a window.
        size: usize,
        /// Rows from one window to the next.
        stride: usize,
        /// Rows in front of x and behind it.
        padding: usize,
    },
    /// cache `[B, kv, C, d]`, x `[B, S, kv · d]`, past `[1]` → the cache with x from row `past` on. Written over
    /// the cache.
    Append {
        /// Heads of the cache.
        heads: usize,
        /// Whether x is turned on its way, as by [`Op::Rotary`], whose operands behind x follow.
        turned: bool,
    },
    /// query `[B, S, heads · d]`, key `[B, T, kv · d]` or a cache `[B, kv, T, d]`, past `[1]` → scaled dot
    /// products `[B, heads, S, T]`; heads share keys in groups (Ainslie et al. 2023). A causal query sees the
    /// first past + S keys; what lies behind them is left undefined.
    GroupedScores {
        /// Query heads.
        heads: usize,
        /// Factor of every product.
        scale: f32,
        /// Whether only keys up to the queries exist.
        causal: bool,
    },
    /// scores `[B, heads, S, T]`, mask `[B, T]`, past `[1]` and perhaps a bias for every distance -D … D
    /// `[2 · D + 1, heads]` → softmax where the mask is not 0 and, if causal, up to key past + i for query i.
    /// Written over the scores.
    GroupedSoftmax {
        /// Query heads.
        heads: usize,
        /// Whether a query sees no later key.
        causal: bool,
        /// Whether a bias by distance is added to the scores (Raffel et al. 2020).
        biased: bool,
    },
    /// shares `[B, heads, S, T]`, value `[B, T, kv · d]` or a cache `[B, kv, T, d]`, past `[1]` → `[B, S, heads · d]`
    GroupedContext {
        /// Heads of the values.
        kv_heads: usize,
        /// Whether only values up to the queries exist.
        causal: bool,
    },
    /// Attention without a matrix of scores. See [`Flash`].
    Flash(Flash),
    /// parts `[splits, B, S, heads, w]` of [`Op::Flash`] → the result `[B, S, heads · d]`. See [`part_width`].
    Join {
        /// d
        width: usize,
    },
    /// The cache with rows of x in it. Written over the cache. See [`Store`].
    Store(Store),
    /// x `[…, heads · d]` → every head multiplied by a Hadamard matrix over as many values as
    /// [`turned_together`](super::turned_together) says (Ashkboos et al. 2024). Dot products stay what they are.
    Turn {
        /// Number of heads.
        heads: usize,
    },
    /// shares `[B, heads, S, T]` → over the queries and the heads that share a key, their sum, or how many of them
    /// are above 1 / T `[B, kv, T]` (Li et al. 2024)
    Importance {
        /// Heads of the keys.
        kv_heads: usize,
        /// Whether shares are counted.
        counted: bool,
    },
    /// The places with the tokens that stay, each plus 1, and 0 for padding. Written over the places. See [`Select`].
    Select(Select),
    /// What audio front ends do. See [`Sound`].
    Sound(Sound),
    /// logits `[B, V]` → id of the largest, the first of equals `[B, 1]`
    Argmax,
    /// logits `[B, V]`, one number from 0 to 1 for every row `[B]` → an id drawn by that number `[B, 1]`
    Sample(Sampling),
}

/// How an id is drawn from logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it.
    pub temperature: f32,
    /// Only this many of the largest logits count, and those equal to the last of them; 0 for all.
    pub top_k: usize,
    /// Only the likeliest ids count that have this probability together; 1 for all (Holtzman et al. 2020).
    pub top_p: f32,
}

/// Heads and width of keys or values: `[B, T, kv · d]` with heads of width `d`, or a cache `[B, kv, T, d]`.
pub(crate) fn memory_axes(shape: &[usize], kv_heads: usize) -> Option<[usize; 4]> {
    match *shape {
        [b, t, h] if kv_heads > 0 && h.is_multiple_of(kv_heads) => Some([b, kv_heads, t, h / kv_heads]),
        [b, kv, t, d] if kv == kv_heads => Some([b, kv, t, d]),
        _ => None,
    }
}

impl Op {
    /// Whether the result is written over the first operand.
    #[must_use]
    pub fn in_place(self) -> bool {
        matches!(
            self,
            Self::AttentionSoftmax { .. }
                | Self::Append { .. }
                | Self::GroupedSoftmax { .. }
                | Self::Store(_)
                | Self::Select(_)
        )
    }

    /// Element type of the result.
    #[must_use]
    pub fn element(self) -> Element {
        match self {
            Self::Argmax | Self::Sample(_) | Self::Select(_) => Element::I32,
            Self::Store(store) if store.stored != Stored::F32 => Element::I32,
            _ => Element::F32,
        }
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
            (Self::Linear { .. }, [[rows @ .., k], [n, inputs], addend @ ..]) if k == inputs => {
                let out = [rows, &[*n]].concat();
                let fits = match addend {
                    [] => true,
                    [addend] => *addend == [*n] || *addend == out.as_slice(),
                    _ => false,
                };
                fits.then_some(out)
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
            (Self::WeightNorm, [x @ [.., k], [k2]]) if k == k2 => Some(x.to_vec()),
            (Self::MaskRows, [x @ [b, s, _], [b2, s2]]) if b == b2 && s == s2 => Some(x.to_vec()),
            (Self::RmsNorm { .. }, [x @ [.., h], [s]]) if h == s => Some(x.to_vec()),
            (Self::Rotary { heads }, [x @ [b, s, h], [b2, s2], [p, half], [p2, half2]])
                if (b, s, p, half) == (b2, s2, p2, half2) && heads > 0 && h % heads == 0 && 2 * half <= h / heads =>
            {
                Some(x.to_vec())
            }
            (Self::Multiply, [a, b]) if a == b => Some(a.to_vec()),
            (Self::Scale { .. }, [x]) => Some(x.to_vec()),
            (Self::Columns { first, count }, [[rows @ .., h]]) if count > 0 && first + count <= *h => {
                Some([rows, &[count]].concat())
            }
            (Self::Windows { size, stride, padding }, [[b, t, c]]) if size > 0 && stride > 0 => {
                (t + 2 * padding).checked_sub(size).map(|free| vec![*b, free / stride + 1, c * size])
            }
            (Self::TakeRow, [[b, _, h], [b2]]) if b == b2 => Some(vec![*b, *h]),
            (Self::Append { heads, turned }, [cache @ [b, kv, c, d], x @ [b2, s, h], [1], table @ ..])
                if b == b2 && *kv == heads && *h == kv * d && s <= c && turned != table.is_empty() =>
            {
                let turns = || Self::Rotary { heads }.shape(&[&[*x], table].concat());
                (!turned || turns().is_ok()).then(|| cache.to_vec())
            }
            (Self::GroupedScores { heads, .. }, [[b, s, h], key, [1]]) if heads > 0 && h % heads == 0 => {
                let width = h / heads;
                let kv = match **key {
                    [_, _, h] if h % width == 0 => h / width,
                    [_, kv, ..] => kv,
                    _ => 0,
                };
                let axes = memory_axes(key, kv).filter(|&[b2, kv, _, d]| *b == b2 && d == width && heads % kv == 0);
                axes.map(|[.., t, _]| vec![*b, heads, *s, t])
            }
            (Self::GroupedSoftmax { heads, biased, .. }, [x @ [b, h, _, t], [b2, t2], [1], rest @ ..])
                if b == b2 && t == t2 && *h == heads =>
            {
                match rest {
                    [] if !biased => Some(x.to_vec()),
                    [[distances, h2]] if biased && h == h2 && distances % 2 == 1 => Some(x.to_vec()),
                    _ => None,
                }
            }
            (Self::GroupedContext { kv_heads, .. }, [[b, heads, s, t], value, [1]]) => memory_axes(value, kv_heads)
                .filter(|&[b2, kv, t2, _]| *b == b2 && *t == t2 && heads % kv == 0)
                .map(|[.., d]| vec![*b, *s, heads * d]),
            (Self::Flash(flash), _) => flash.shape(operands),
            (Self::Join { width }, [[_, b, s, heads, w]]) if *w == part_width(width) => {
                Some(vec![*b, *s, heads * width])
            }
            (Self::Store(store), [cache @ [b, kv, rows, words], [b2, s, h], [1], places @ ..])
                if b == b2
                    && *kv == store.heads
                    && h % kv == 0
                    && *words == store.stored.words(h / kv)
                    && *rows == store.ring.all()
                    && h / kv <= 256
                    && places.len() == usize::from(store.placed)
                    && places.iter().all(|places| **places == [*b, *kv, store.ring.fixed])
                    && (!store.placed || store.ring.from == *s) =>
            {
                Some(cache.to_vec())
            }
            (Self::Turn { heads }, [x @ [.., h]]) if heads > 0 && h % heads == 0 && h / heads <= 256 => {
                Some(x.to_vec())
            }
            (Self::Importance { kv_heads, .. }, [[b, heads, _, t]]) if kv_heads > 0 && heads % kv_heads == 0 => {
                Some(vec![*b, kv_heads, *t])
            }
            (Self::Select(_), [places @ [b, kv, n], [b2, kv2, s], [b3, c]])
                if b == b2 && b == b3 && kv == kv2 && n <= s && s <= c =>
            {
                Some(places.to_vec())
            }
            (Self::Sound(sound), operands) => sound.shape(operands),
            (Self::Argmax, [[b, v]]) if *v > 0 => Some(vec![*b, 1]),
            (Self::Sample(_), [[b, v], [b2]]) if b == b2 && *v > 0 => Some(vec![*b, 1]),
            _ => None,
        };
        shape.ok_or_else(|| {
            Error::internal(format!("{self:?} does not take these shapes")).found(format!("{operands:?}"))
        })
    }
}

//! The closed list of operations.

use super::{Activation, Conv, Element, Flash, Select, Sound, Store, Stored, Strided, Window};

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
}

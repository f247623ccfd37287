//! What shape an operation makes of its operands.

use super::{Op, part_width};
use crate::error::{Error, Result};

/// Heads and width of keys or values: `[B, T, kv · d]` with heads of width `d`, or a cache `[B, kv, T, d]`.
pub(crate) fn memory_axes(shape: &[usize], kv_heads: usize) -> Option<[usize; 4]> {
    match *shape {
        [b, t, h] if kv_heads > 0 && h.is_multiple_of(kv_heads) => Some([b, kv_heads, t, h / kv_heads]),
        [b, kv, t, d] if kv == kv_heads => Some([b, kv, t, d]),
        _ => None,
    }
}

impl Op {
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

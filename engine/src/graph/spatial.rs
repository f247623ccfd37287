//! What models of images and sounds write into a graph, beside what models of text do.

use super::{
    Activation, Conv, Graph, Op, Value, Window,
    build::{Node, Source},
    copy::{Axis, Strided},
};
use crate::{
    error::{Error, Result},
    weights::Param,
};

/// Mean, variance, scale and shift of a batch norm, each `[C]`.
pub type Statistics<'a> = [&'a Param; 4];

impl Graph {
    /// The same values under another shape, without a copy.
    pub fn reshape(&mut self, x: Value, shape: &[usize]) -> Result<Value> {
        let length = |shape: &[usize]| shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        if length(self.shape(x)) != length(shape) {
            return Err(Error::internal("a reshape keeps the number of values")
                .expected(format!("{:?}", self.shape(x)))
                .found(format!("{shape:?}")));
        }
        Ok(self.push(Node::View { of: self.root(x), shape: shape.to_vec() }))
    }

    /// Attention like [`Graph::attention`], with what a model may leave out or add.
    pub fn attention_by(&mut self, [q, k, v]: [Value; 3], heads: usize, by: &AttentionRule) -> Result<Value> {
        let width = self.shape(q).last().copied().unwrap_or(0) / heads.max(1);
        #[expect(clippy::cast_precision_loss, reason = "a head's width")]
        let scale = 1.0 / (width as f32).sqrt();
        let mut scores = self.op(Op::AttentionScores { heads, scale }, vec![q.into(), k.into()])?;
        if let Some(bias) = by.bias {
            // The bias may differ from window to window: windows are part of the batch.
            let shape = self.shape(scores).to_vec();
            if let &[windows, ..] = self.shape(bias) {
                let grouped = [&[shape[0] / windows.max(1), windows], &shape[1..]].concat();
                scores = self.reshape(scores, &grouped)?;
            }
            scores = self.add(scores, bias)?;
            scores = self.reshape(scores, &shape)?;
        }
        let &[_, _, queries, keys] = self.shape(scores) else { return Err(Error::internal("scores have four axes")) };
        let mut operands: Vec<Source> = vec![scores.into()];
        operands.extend(by.mask.map(Source::Value));
        let shares = self.op(Op::AttentionSoftmax { queries, keys, causal: by.causal }, operands)?;
        self.op(Op::AttentionContext, vec![shares.into(), v.into()])
    }

    /// Dot products of every row of a `[B, M, W]` with every row of b `[B, N, W]` → `[B, M, N]`
    pub fn batch_products(&mut self, a: Value, b: Value) -> Result<Value> {
        let products = self.op(Op::AttentionScores { heads: 1, scale: 1.0 }, vec![a.into(), b.into()])?;
        let &[batch, _, m, n] = self.shape(products) else { return Err(Error::internal("scores have four axes")) };
        self.reshape(products, &[batch, m, n])
    }

    /// Dot products of every row of a `[M, W]` with every row of b `[N, W]` → `[M, N]`
    pub fn products(&mut self, a: Value, b: Value) -> Result<Value> {
        let (&[m, width], &[n, _]) = (self.shape(a), self.shape(b)) else {
            return Err(Error::internal("products are of matrices"));
        };
        let (a, b) = (self.reshape(a, &[1, m, width])?, self.reshape(b, &[1, n, width])?);
        let products = self.batch_products(a, b)?;
        self.reshape(products, &[m, n])
    }

    /// A convolution.
    pub fn conv(&mut self, x: Value, weight: impl Into<Source>, bias: Option<&Param>, conv: Conv) -> Result<Value> {
        let mut operands = vec![x.into(), weight.into()];
        operands.extend(bias.map(Source::from));
        self.op(Op::Conv(conv), operands)
    }

    /// The largest value of every window.
    pub fn max_pool(&mut self, x: Value, size: [usize; 2], window: Window) -> Result<Value> {
        self.op(Op::Pool { size, window, mean: false }, vec![x.into()])
    }

    /// x `[B, …, C]` → the mean over everything between batch and channels `[B, C]`
    pub fn mean(&mut self, x: Value) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let &[batch, ref between @ .., channels] = shape.as_slice() else {
            return Err(Error::internal("a mean needs batch and channels"));
        };
        let positions = between.iter().product();
        let x = self.reshape(x, &[batch, positions, 1, channels])?;
        let size = [positions, 1];
        let mean = self.op(Op::Pool { size, window: Window::tiles(size), mean: true }, vec![x.into()])?;
        self.reshape(mean, &[batch, channels])
    }

    /// Batch norm with known statistics, of `x`, plus `residual`, then the activation.
    pub fn batch_norm(
        &mut self,
        x: Value,
        statistics: Statistics<'_>,
        residual: Option<Value>,
        epsilon: f32,
        activation: Option<Activation>,
    ) -> Result<Value> {
        let mut operands = vec![x.into()];
        operands.extend(statistics.map(Source::from));
        operands.extend(residual.map(Source::Value));
        self.op(Op::BatchNorm { epsilon, residual: residual.is_some(), activation }, operands)
    }

    /// Group norm, then the activation.
    pub fn group_norm(
        &mut self,
        x: Value,
        scale: &Param,
        shift: &Param,
        (groups, epsilon): (usize, f32),
        activation: Option<Activation>,
    ) -> Result<Value> {
        self.op(Op::GroupNorm { groups, epsilon, activation }, vec![x.into(), scale.into(), shift.into()])
    }

    /// `x + by`, repeated over the leading axes of x.
    pub fn shift(&mut self, x: Value, by: &Param) -> Result<Value> {
        self.op(Op::Add, vec![x.into(), by.into()])
    }

    /// `x · scale + residual`, with one factor per channel.
    pub fn scale_add(&mut self, x: Value, scale: &Param, residual: Value) -> Result<Value> {
        self.op(Op::ScaleAdd, vec![x.into(), scale.into(), residual.into()])
    }

    /// `x · exp(s)` for a learned number s.
    pub fn scale_exp(&mut self, x: Value, s: &Param) -> Result<Value> {
        self.op(Op::ScaleExp, vec![x.into(), s.into()])
    }

    /// The activation of every value.
    pub fn activate(&mut self, x: Value, activation: Activation) -> Result<Value> {
        self.op(Op::Activate(activation), vec![x.into()])
    }

    /// x `[…, S, W]` → `[…, length, W]` by cubic interpolation between aligned corners.
    pub fn resize(&mut self, x: Value, length: usize) -> Result<Value> {
        self.op(Op::Resize { length }, vec![x.into()])
    }

    /// Zeros where the mask is 0.
    pub fn mask_rows(&mut self, x: Value, mask: Value) -> Result<Value> {
        self.op(Op::MaskRows, vec![x.into(), mask.into()])
    }

    /// A window from its taps' directions and lengths.
    pub fn weight_norm(&mut self, directions: &Param, lengths: &Param) -> Result<Value> {
        self.op(Op::WeightNorm, vec![directions.into(), lengths.into()])
    }

    /// Gives an image `[B, H, W, C]` a name, under which it comes out as `[B, C, H, W]`.
    pub fn image_output(&mut self, name: &str, image: Value) -> Result<()> {
        let image = self.permute(image, &[0, 3, 1, 2])?;
        self.output(name, image);
        Ok(())
    }

    /// b behind a.
    pub fn concat(&mut self, a: Value, b: Value, axis: usize) -> Result<Value> {
        self.op(Op::Concat { axis }, vec![a.into(), b.into()])
    }

    /// Axis i of the result is axis `order[i]` of `x`.
    pub fn permute(&mut self, x: impl Into<Source>, order: &[usize]) -> Result<Value> {
        let x = x.into();
        let axes = axes(self.source_shape(&x))?;
        let axes = order.iter().map(|&axis| axes.get(axis).copied()).collect::<Option<Vec<_>>>();
        self.copy(x, &axes.ok_or_else(|| Error::internal("no such axis"))?)
    }

    /// `count` entries of an axis from `first` on; what lies outside is 0.
    pub fn slice(&mut self, x: Value, axis: usize, first: i32, count: usize) -> Result<Value> {
        self.along(x, axis, |whole| Some(Axis { size: u32::try_from(count).ok()?, shift: first, ..whole }))
    }

    /// Entry i of the result is entry i + `by` of `x`, around the end.
    pub fn roll(&mut self, x: Value, axis: usize, by: i32) -> Result<Value> {
        self.along(x, axis, |whole| Some(Axis { shift: by, wrap: true, ..whole }))
    }

    /// A tensor repeated along a new axis, which becomes axis `axis`.
    pub fn spread(&mut self, x: impl Into<Source>, axis: usize, count: usize) -> Result<Value> {
        let x = x.into();
        let count = u32::try_from(count).map_err(|_| Error::internal("an axis of more than 32 bits"))?;
        let mut axes = axes(self.source_shape(&x))?;
        if axis > axes.len() {
            return Err(Error::internal("no such axis").found(axis.to_string()));
        }
        axes.insert(axis, Axis::whole(count, 0));
        self.copy(x, &axes)
    }

    pub(super) fn source_shape<'a>(&'a self, x: &'a Source) -> &'a [usize] {
        match x {
            Source::Value(value) => self.shape(*value),
            Source::Param(param) => &param.shape,
        }
    }

    fn along(&mut self, x: Value, axis: usize, change: impl Fn(Axis) -> Option<Axis>) -> Result<Value> {
        let mut axes = axes(self.shape(x))?;
        let changed = axes.get(axis).copied().and_then(change);
        let changed = changed.ok_or_else(|| Error::internal("no such axis").found(axis.to_string()))?;
        axes[axis] = changed;
        self.copy(x.into(), &axes)
    }

    fn copy(&mut self, x: Source, axes: &[Axis]) -> Result<Value> {
        let copy = Strided::new(axes).ok_or_else(|| Error::internal("too many axes"))?;
        self.op(Op::Copy(copy), vec![x])
    }
}

/// What attention may leave out or add.
#[derive(Default)]
pub struct AttentionRule {
    /// `[B, T]`, 0 where a key is padding.
    pub mask: Option<Value>,
    /// Added to the scores: `[windows, heads, S, T]`, with windows counted inside the batch.
    pub bias: Option<Value>,
    /// Whether a query sees no key behind it.
    pub causal: bool,
}

impl From<Value> for Source {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl From<&Param> for Source {
    fn from(param: &Param) -> Self {
        Self::Param(param.clone())
    }
}

/// A row-major tensor's axes.
fn axes(shape: &[usize]) -> Result<Vec<Axis>> {
    let mut stride = 1_u32;
    let mut axes = Vec::with_capacity(shape.len());
    for &size in shape.iter().rev() {
        let size = u32::try_from(size).map_err(|_| Error::internal("an axis of more than 32 bits"))?;
        axes.push(Axis::whole(size, stride));
        stride = stride.checked_mul(size).ok_or_else(|| Error::internal("a tensor of more than 32 bits"))?;
    }
    axes.reverse();
    Ok(axes)
}

//! Attention in shifted windows (Liu et al. 2021), as HTSAT has it.

use super::{LayerNames, LayerNorm, LayerShape, Linear, TransformerLayer};
use crate::{
    error::{Error, Result},
    graph::{AttentionRule, Graph, Value},
    protocol::Tensor,
    weights::{Param, Weights},
};

/// What is added to scores between parts of an image that are no neighbours.
const APART: f32 = -100.0;
/// Added to the variances of norms that the configuration does not speak of.
pub const EPSILON: f32 = 1e-5;

/// Layers of one width over one grid, then a halving of the grid.
pub struct SwinStage {
    layers: Vec<SwinLayer>,
    halving: Option<(LayerNorm, Linear)>,
    grid: [usize; 2],
    window: usize,
}

struct SwinLayer {
    layer: TransformerLayer,
    /// `[(2 · window - 1)², heads]`, by distance.
    bias: Param,
    heads: usize,
}

impl SwinStage {
    /// Declares `depth` layers over a grid under `weights`; all stages but the last halve it.
    pub fn new(
        weights: &Weights<'_>,
        shape: &LayerShape,
        depth: usize,
        grid: [usize; 2],
        window: usize,
        halves: bool,
    ) -> Result<Self> {
        let layer = |index| {
            let weights = weights.at(&format!("blocks.{index}"));
            let distances = (2 * window - 1).pow(2);
            Ok(SwinLayer {
                bias: weights.table("attention.self.relative_position_bias_table", &[distances, shape.heads])?,
                layer: TransformerLayer::new(&weights, &LayerNames::SWIN, shape)?,
                heads: shape.heads,
            })
        };
        let width = shape.hidden;
        let halving = || {
            let norm = LayerNorm::new(&weights.at("downsample.norm"), 4 * width, EPSILON)?;
            Ok((norm, Linear::optional(&weights.at("downsample.reduction"), 2 * width, 4 * width, false)?))
        };
        let layers = (0..depth).map(layer).collect::<Result<_>>()?;
        Ok(Self { layers, halving: if halves { Some(halving()?) } else { None }, grid, window })
    }

    /// x `[B, grid, C]` → `[B, grid / 2, 2 · C]`, or the same shape in the last stage
    pub fn forward(&self, graph: &mut Graph, mut x: Value) -> Result<Value> {
        let index = graph.constant(distances(self.window));
        // A grid of one window has nowhere to shift to.
        let shift = if self.grid[0].min(self.grid[1]) <= self.window { 0 } else { self.window / 2 };
        let padded = self.grid.map(|side| side.next_multiple_of(self.window));
        let apart = (shift > 0).then(|| graph.constant(apart(padded, self.window, shift)));
        for (number, layer) in self.layers.iter().enumerate() {
            let bias = layer.bias(graph, index, self.window)?;
            x = if number % 2 == 1 && shift > 0 {
                layer.forward(graph, x, bias, self.window, shift, apart)?
            } else {
                layer.forward(graph, x, bias, self.window, 0, None)?
            };
        }
        match &self.halving {
            Some((norm, reduction)) => halve(graph, x, norm, reduction),
            None => Ok(x),
        }
    }
}

impl SwinLayer {
    /// What distance adds to the scores of one window `[heads, N, N]`.
    fn bias(&self, graph: &mut Graph, index: Value, window: usize) -> Result<Value> {
        let inside = window * window;
        let by_pair = graph.gather(index, &self.bias)?;
        let by_head = graph.permute(by_pair, &[1, 0])?;
        graph.reshape(by_head, &[self.heads, inside, inside])
    }

    fn forward(
        &self,
        graph: &mut Graph,
        x: Value,
        bias: Value,
        window: usize,
        shift: usize,
        apart: Option<Value>,
    ) -> Result<Value> {
        let &[batch, height, width, channels] = graph.shape(x) else { return Err(Error::internal("four axes")) };
        let padded = [height, width].map(|side| side.next_multiple_of(window));
        let mut y = self.layer.norm(graph, x)?;
        y = resized(graph, y, padded)?;
        y = rolled(graph, y, shift, 1)?;
        y = split(graph, y, window)?;
        let windows = padded[0] * padded[1] / window / window;
        // `[windows or 1, heads, N, N]`
        let mut added = graph.spread(bias, 0, if apart.is_some() { windows } else { 1 })?;
        if let Some(apart) = apart {
            let apart = graph.spread(apart, 1, self.heads)?;
            added = graph.add(added, apart)?;
        }
        let rule = AttentionRule { bias: Some(added), ..Default::default() };
        y = self.layer.attend(graph, y, &rule)?;
        y = joined(graph, y, [batch, padded[0], padded[1], channels], window)?;
        y = rolled(graph, y, shift, -1)?;
        y = resized(graph, y, [height, width])?;
        let x = graph.add(y, x)?;
        self.layer.feed_pre(graph, x)
    }
}

/// x `[B, H, W, C]` → windows `[B · windows, window², C]`
fn split(graph: &mut Graph, x: Value, window: usize) -> Result<Value> {
    let &[batch, height, width, channels] = graph.shape(x) else { return Err(Error::internal("four axes")) };
    let [rows, columns] = [height / window, width / window];
    let x = graph.reshape(x, &[batch, rows, window, columns, window, channels])?;
    let x = graph.permute(x, &[0, 1, 3, 2, 4, 5])?;
    graph.reshape(x, &[batch * rows * columns, window * window, channels])
}

/// Windows → the image `[B, H, W, C]` they were split from
fn joined(graph: &mut Graph, x: Value, shape: [usize; 4], window: usize) -> Result<Value> {
    let [batch, height, width, channels] = shape;
    let x = graph.reshape(x, &[batch, height / window, width / window, window, window, channels])?;
    let x = graph.permute(x, &[0, 1, 3, 2, 4, 5])?;
    graph.reshape(x, &shape)
}

fn rolled(graph: &mut Graph, x: Value, shift: usize, sign: i32) -> Result<Value> {
    if shift == 0 {
        return Ok(x);
    }
    let by = sign * i32::try_from(shift).map_err(|_| Error::internal("a window of more than 32 bits"))?;
    let x = graph.roll(x, 1, by)?;
    graph.roll(x, 2, by)
}

/// x `[B, H, W, C]` with zeros at the end, or cut there.
fn resized(graph: &mut Graph, x: Value, [height, width]: [usize; 2]) -> Result<Value> {
    let mut x = x;
    for (axis, size) in [(1, height), (2, width)] {
        if graph.shape(x)[axis] != size {
            x = graph.slice(x, axis, 0, size)?;
        }
    }
    Ok(x)
}

/// x `[B, H, W, C]` → `[B, H / 2, W / 2, 2 · C]`: squares of four side by side, a column after the other.
fn halve(graph: &mut Graph, x: Value, norm: &LayerNorm, reduction: &Linear) -> Result<Value> {
    let &[batch, height, width, channels] = graph.shape(x) else { return Err(Error::internal("four axes")) };
    let [rows, columns] = [height.div_ceil(2), width.div_ceil(2)];
    let x = resized(graph, x, [2 * rows, 2 * columns])?;
    let x = graph.reshape(x, &[batch, rows, 2, columns, 2, channels])?;
    let x = graph.permute(x, &[0, 1, 3, 4, 2, 5])?;
    let x = graph.reshape(x, &[batch, rows, columns, 4 * channels])?;
    let x = norm.forward(graph, x)?;
    reduction.forward(graph, x, None)
}

/// For every pair of places in a window the row of the table that holds their distance `[N · N]`.
fn distances(window: usize) -> Tensor {
    let inside = window * window;
    let row = |pair: usize| {
        let (a, b) = (pair / inside, pair % inside);
        let along = |a: usize, b: usize| a + window - 1 - b;
        along(a / window, b / window) * (2 * window - 1) + along(a % window, b % window)
    };
    let rows = (0..inside * inside).map(|pair| i32::try_from(row(pair)).unwrap_or(0)).collect();
    Tensor::i32(&[inside * inside], rows)
}

/// For every window and every pair of places in it, what keeps those apart that the shift brought together
/// `[windows, N, N]`.
fn apart([height, width]: [usize; 2], window: usize, shift: usize) -> Tensor {
    let region =
        |position: usize, side: usize| usize::from(position >= side - window) + usize::from(position >= side - shift);
    let (rows, columns, inside) = (height / window, width / window, window * window);
    let mut values = Vec::with_capacity(rows * columns * inside * inside);
    for index in 0..rows * columns {
        let place = |k: usize| {
            let row = index / columns * window + k / window;
            let column = index % columns * window + k % window;
            3 * region(row, height) + region(column, width)
        };
        for a in 0..inside {
            values.extend((0..inside).map(|b| if place(a) == place(b) { 0.0 } else { APART }));
        }
    }
    Tensor::f32(&[rows * columns, inside, inside], values)
}

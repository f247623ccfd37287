//! LLaVA (Liu et al. 2023) and LLaVA-NeXT (Liu et al. 2024): features of images take the place of words.

use super::{
    Model, PixelRules, Task,
    llama::{self, Llama},
    prompt::{Generate, Pass, Prompt, Text},
    tensors,
    tiles::{self, Extent},
};
use crate::{
    block::{ClipVision, Linear},
    cache::{Cache, Stateless},
    error::{Error, Result},
    graph::{Activation, Element, Graph, Value},
    load::Config,
    protocol::{InputInfo, InputKind, Tensor, TensorData, Tensors},
    weights::{Param, Weights},
};

const PIXELS: &str = "pixel_values";
const SIZES: &str = "image_sizes";
/// The order in which features are used `[F]`.
const ORDER: &str = "image.order";
/// For every id, the row of embeddings and features together `[B, S]`.
const ROWS: &str = "image.rows";

struct Llava {
    text: Llama,
    vision: ClipVision,
    /// Which hidden state of the vision tower, and whether its class token is left out.
    layer: usize,
    patches_only: bool,
    projector: [Linear; 2],
    activation: Activation,
    /// The id that stands for one feature.
    image: i32,
    pixels: PixelRules,
    grid: Option<Grid>,
}

/// What LLaVA-NeXT has besides.
struct Grid {
    pinpoints: Vec<Extent>,
    newline: Param,
}

/// Declares the LLaVA that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    Ok(Box::new(Llava::new(config, weights, None)?))
}

/// Declares the LLaVA-NeXT that `config` describes.
pub fn build_next(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let pinpoints = config.pairs("image_grid_pinpoints")?;
    let width = config.required("text_config")?.size("hidden_size", 4096)?;
    let newline = weights.bias("image_newline", width)?.reshaped(&[1, width]);
    Ok(Box::new(Llava::new(config, weights, Some(Grid { pinpoints, newline }))?))
}

impl Llava {
    fn new(config: &Config, weights: &Weights<'_>, grid: Option<Grid>) -> Result<Self> {
        const STRATEGY: &str = "vision_feature_select_strategy";
        let [vision_config, text_config] = [config.required("vision_config")?, config.required("text_config")?];
        let text = llama::inside(&text_config, &weights.at("language_model"))?;
        let vision = ClipVision::new(&vision_config, &weights.at("vision_tower.vision_model"))?;
        let states = vision_config.size("num_hidden_layers", 12)? + 1;
        let (from, to) = (vision.patches_shape.hidden, text_config.size("hidden_size", 4096)?);
        let projector = weights.at("multi_modal_projector");
        let biased = config.flag("multimodal_projector_bias", true)?;
        let linear = |name: &str, inputs| Linear::optional(&projector.at(name), to, inputs, biased);
        let patches_only = match (config.word(STRATEGY, "default")?, &grid) {
            ("default", _) => true,
            ("full", None) => false,
            (other, _) => return Err(Config::unsupported(STRATEGY, "'default'", format!("'{other}'"))),
        };
        let default = config.index("image_token_index", 32000)?;
        let image = config.index("image_token_id", default)?;
        let patches = vision.patches_shape;
        Ok(Self {
            layer: config.place("vision_feature_layer", -2, states)?,
            patches_only,
            projector: [linear("linear_1", from)?, linear("linear_2", to)?],
            activation: Activation::parse("projector_hidden_act", config.word("projector_hidden_act", "gelu")?)?,
            image: i32::try_from(image).unwrap_or(i32::MAX),
            pixels: PixelRules { channels: patches.channels, size: patches.image, fixed: true, frames: None },
            text,
            vision,
            grid,
        })
    }

    /// Rows and columns of an image's patches.
    fn side(&self) -> Extent {
        let shape = self.vision.patches_shape;
        [shape.image[0] / shape.patch[0], shape.image[1] / shape.patch[1]]
    }

    /// Features of one image as the vision tower sees it.
    fn tokens(&self) -> usize {
        self.side().iter().product::<usize>() + usize::from(!self.patches_only)
    }

    /// Rows and columns of tiles in a grid of this extent.
    fn tiles(&self, extent: Extent) -> Extent {
        [extent[0] / self.pixels.size[0], extent[1] / self.pixels.size[1]]
    }

    /// The extent of an image that fills the largest grid for which there are tiles.
    fn largest(&self, grid: &Grid, tiles: usize) -> Result<Extent> {
        let fits = |pinpoint: &&Extent| self.tiles(**pinpoint).iter().product::<usize>() < tiles;
        let largest = grid.pinpoints.iter().filter(fits).max_by_key(|pinpoint| pinpoint[0] * pinpoint[1]);
        largest.copied().ok_or_else(|| Error::model("missing input").expected(format!("'{SIZES}'")))
    }

    /// Images of the tower's size `[N, C, h, w]`, and the order in which their features are used.
    fn images(&self, inputs: &Tensors) -> Result<(Tensor, Vec<usize>)> {
        let Some(grid) = &self.grid else {
            let pixels = self.pixels.check(inputs)?;
            let count = pixels.shape[0] * self.tokens();
            return Ok((pixels, (0..count).collect()));
        };
        let [height, width] = self.pixels.size;
        let (channels, tile) = (self.pixels.channels, self.pixels.channels * height * width);
        let axes = [("images", None), ("tiles", None), ("channels", Some(channels)), ("height", Some(height))];
        let axes = [&axes[..], &[("width", Some(width))]].concat();
        let pixels = tensors::floats(inputs, PIXELS, &axes)?;
        let [images, tiles] = [pixels.shape[0], pixels.shape[1]];
        let sizes = match inputs.get(SIZES) {
            Some(sizes) => self.text.rules().integers(SIZES, sizes, &[images, 2], 1 << 20)?,
            None => integers(&[images, 2], self.largest(grid, tiles)?.repeat(images)),
        };
        let (mut used, mut order, mut placed) = (Vec::new(), Vec::new(), Vec::new());
        let values = pixels.as_f32().unwrap_or_default().chunks(tiles * tile);
        for (values, size) in values.zip(sizes.as_i32().unwrap_or_default().chunks(2)) {
            let image = [size[0], size[1]].map(|size| usize::try_from(size).unwrap_or(0));
            let best = tiles::best(image, &grid.pinpoints).filter(|_| !image.contains(&0));
            let best = best.ok_or_else(|| Error::model("an image without extent").of(SIZES))?;
            let cut = self.tiles(best);
            let needed = 1 + cut[0] * cut[1];
            if needed > tiles {
                let expected = format!("at least {needed} tiles for an image of {image:?}");
                return Err(Error::model("too few tiles").of(PIXELS).expected(expected).found(tiles.to_string()));
            }
            order.push((image, cut, placed.len() * self.tokens()));
            placed.extend(std::iter::repeat_n((), needed));
            used.extend_from_slice(&values[..needed * tile]);
        }
        let newline = placed.len() * self.tokens();
        let order = order.iter().flat_map(|&(image, cut, first)| tiles::order(image, cut, self.side(), first, newline));
        Ok((Tensor::f32(&[placed.len(), channels, height, width], used), order.collect()))
    }

    /// The inputs, where a text that mentions no image mentions all of them in front.
    fn mention(&self, inputs: &Tensors) -> Result<Tensors> {
        let text = [("input_ids", self.image), ("attention_mask", 1)];
        let mut inputs = inputs.clone();
        let ids = inputs.get(text[0].0).and_then(|ids| Some((ids.as_i32()?, *ids.shape.first()?)));
        let Some((_, batch)) = ids.filter(|(ids, _)| !ids.contains(&self.image) && inputs.contains_key(PIXELS)) else {
            return Ok(inputs);
        };
        let (_, order) = self.images(&inputs)?;
        let features = order.len() / batch.max(1);
        for (name, value) in text {
            let Some(Tensor { shape, data: TensorData::I32(values) }) = inputs.get_mut(name) else { continue };
            let &mut [_, length] = shape.as_mut_slice() else { continue };
            let rows = values.chunks(length.max(1)).map(|row| [&vec![value; features], row].concat());
            *values = rows.collect::<Vec<_>>().concat();
            shape[1] += features;
        }
        Ok(inputs)
    }

    /// What the pass over a text with images reads besides the text.
    fn place(&self, inputs: &Tensors, text: &Tensors) -> Result<Tensors> {
        if !inputs.contains_key(PIXELS) {
            return Ok(Tensors::new());
        }
        let (pixels, order) = self.images(inputs)?;
        let ids = text.get("input_ids").cloned().ok_or_else(|| Error::internal("inputs were not prepared"))?;
        let values = ids.as_i32().unwrap_or_default();
        let mentioned = values.iter().filter(|&&id| id == self.image).count();
        if mentioned != order.len() {
            return Err(Error::model("images and text differ")
                .of("input_ids")
                .expected(format!("the id {} once for each of {} features", self.image, order.len()))
                .found(mentioned.to_string()));
        }
        let mut feature = values.len();
        let row = |(index, &id): (usize, &i32)| {
            let row = if id == self.image { feature } else { index };
            feature += usize::from(id == self.image);
            row
        };
        let rows = values.iter().enumerate().map(row).collect();
        Ok(Tensors::from([
            (PIXELS.to_owned(), pixels),
            (ORDER.to_owned(), integers(&[order.len()], order)),
            (ROWS.to_owned(), integers(&ids.shape, rows)),
        ]))
    }

    fn forward(&self, inputs: &Tensors, cache: &dyn Cache) -> Result<Graph> {
        let mut graph = Graph::new();
        let text = Text::declare(&mut graph, inputs)?;
        let mut x = self.text.embed(&mut graph, text.ids)?;
        if inputs.contains_key(PIXELS) {
            let features = self.features(&mut graph, inputs)?;
            let [batch, length, hidden] = [graph.shape(x)[0], graph.shape(x)[1], graph.shape(x)[2]];
            let words = graph.reshape(x, &[batch * length, hidden])?;
            let all = graph.concat(words, features, 0)?;
            let rows = graph.input(ROWS, &[batch, length], Element::I32);
            x = graph.gather_rows(rows, all)?;
        }
        self.text.forward(&mut graph, x, &text, cache)?;
        Ok(graph)
    }

    /// Images → features in the order in which they are used `[F, H]`
    fn features(&self, graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        let pixels = PixelRules::declare(graph, inputs)?;
        let mut x = self.vision.hidden_states(graph, pixels)?[self.layer];
        if self.patches_only {
            x = graph.slice(x, 1, 1, self.tokens())?;
        }
        let inner = self.projector[0].forward(graph, x, Some(self.activation))?;
        let x = self.projector[1].forward(graph, inner, None)?;
        let [images, tokens, hidden] = [graph.shape(x)[0], graph.shape(x)[1], graph.shape(x)[2]];
        let mut x = graph.reshape(x, &[images * tokens, hidden])?;
        if let Some(grid) = &self.grid {
            let newline = graph.permute(&grid.newline, &[0, 1])?;
            let all = graph.concat(x, newline, 0)?;
            let order = tensors::declare(graph, inputs, ORDER)?;
            x = graph.gather_rows(order, all)?;
        }
        graph.output("image_features", x);
        Ok(x)
    }
}

fn integers(shape: &[usize], values: Vec<usize>) -> Tensor {
    Tensor::i32(shape, values.into_iter().map(|value| i32::try_from(value).unwrap_or(i32::MAX)).collect())
}

impl Model for Llava {
    fn vocabulary(&self) -> usize {
        self.text.vocabulary()
    }

    fn inputs(&self) -> Vec<InputInfo> {
        let mut pixels = self.pixels.info();
        if let Some(grid) = &self.grid {
            let tiles = |pinpoint: &Extent| self.tiles(*pinpoint).iter().product::<usize>();
            pixels.shape.insert(1, 1 + grid.pinpoints.iter().map(tiles).max().unwrap_or(0));
        }
        // Ids below the one that stands for an image: the text mentions none, and gets it in front.
        let bound = usize::try_from(self.image).unwrap_or(0).min(self.vocabulary());
        vec![pixels, InputInfo::new("input_ids", &[1, 32], InputKind::Ids, bound)]
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        let inputs = self.mention(inputs)?;
        let mut text = self.text.rules().whole(&inputs, &[PIXELS, SIZES])?;
        let more = self.place(&inputs, &text)?;
        text.extend(more);
        Ok(text)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        self.forward(inputs, &Stateless)
    }

    fn generator(&self) -> Option<&dyn Generate> {
        Some(self)
    }
}

impl Generate for Llava {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        let inputs = self.mention(inputs)?;
        let mut prompt = self.text.rules().prompt(&inputs, &[PIXELS, SIZES], &[])?;
        let text = Tensors::from([("input_ids".to_owned(), prompt.ids.clone())]);
        prompt.first = self.place(&inputs, &text)?;
        Ok(prompt)
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, _: Pass) -> Result<Graph> {
        self.forward(inputs, cache)
    }
}

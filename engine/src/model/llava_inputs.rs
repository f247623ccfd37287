//! The inputs of LLaVA: images cut as its vision tower sees them, and where their features go in a text.

use super::{
    PixelRules,
    inputs::check,
    tensors,
    tiles::{self, Extent},
};
use crate::{
    error::{Error, Result},
    protocol::{InputInfo, InputKind, Tensor, TensorData, Tensors},
};

/// Images, or their tiles.
pub const PIXELS: &str = "pixel_values";
/// Height and width of every image before it was cut.
pub const SIZES: &str = "image_sizes";
/// The order in which features are used `[F]`.
pub const ORDER: &str = "image.order";
/// For every id, the row of embeddings and features together `[B, S]`.
pub const ROWS: &str = "image.rows";

/// What images and texts have to be.
pub struct ImageRules {
    /// Of the vision tower.
    pub pixels: PixelRules,
    /// Rows and columns of an image's patches.
    pub side: Extent,
    /// Whether the class token is left out.
    pub patches_only: bool,
    /// The id that stands for one feature.
    pub image: i32,
    /// Extents of the grids in which LLaVA-NeXT cuts images.
    pub pinpoints: Option<Vec<Extent>>,
}

impl ImageRules {
    /// Images and a text as a model usually gets them. Ids are below the one that stands for an image: the text
    /// mentions none, and gets it in front.
    pub fn info(&self, vocabulary: usize) -> Vec<InputInfo> {
        let mut pixels = self.pixels.info();
        if let Some(pinpoints) = &self.pinpoints {
            let tiles = |pinpoint: &Extent| self.tiles(*pinpoint).iter().product::<usize>();
            pixels.shape.insert(1, 1 + pinpoints.iter().map(tiles).max().unwrap_or(0));
        }
        let bound = usize::try_from(self.image).unwrap_or(0).min(vocabulary);
        vec![pixels, InputInfo::new("input_ids", &[1, 32], InputKind::Ids, bound)]
    }

    /// Features of one image as the vision tower sees it.
    pub fn tokens(&self) -> usize {
        self.side.iter().product::<usize>() + usize::from(!self.patches_only)
    }

    /// Rows and columns of tiles in a grid of this extent.
    fn tiles(&self, extent: Extent) -> Extent {
        [extent[0] / self.pixels.size[0], extent[1] / self.pixels.size[1]]
    }

    /// The extent of an image that fills the largest grid for which there are tiles.
    fn largest(&self, pinpoints: &[Extent], tiles: usize) -> Result<Extent> {
        let fits = |pinpoint: &&Extent| self.tiles(**pinpoint).iter().product::<usize>() < tiles;
        let largest = pinpoints.iter().filter(fits).max_by_key(|pinpoint| pinpoint[0] * pinpoint[1]);
        largest.copied().ok_or_else(|| Error::model("missing input").expected(format!("'{SIZES}'")))
    }

    /// Images of the tower's size `[N, C, h, w]`, and the order in which their features are used.
    fn images(&self, inputs: &Tensors) -> Result<(Tensor, Vec<usize>)> {
        let Some(pinpoints) = &self.pinpoints else {
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
            Some(sizes) => check(sizes, &[images, 2], 1 << 20).map_err(|error| error.of(SIZES))?,
            None => integers(&[images, 2], self.largest(pinpoints, tiles)?.repeat(images)),
        };
        let (mut used, mut order, mut placed) = (Vec::new(), Vec::new(), Vec::new());
        let values = pixels.as_f32().unwrap_or_default().chunks(tiles * tile);
        for (values, size) in values.zip(sizes.as_i32().unwrap_or_default().chunks(2)) {
            let image = [size[0], size[1]].map(|size| usize::try_from(size).unwrap_or(0));
            let best = tiles::best(image, pinpoints).filter(|_| !image.contains(&0));
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
        let order = order.iter().flat_map(|&(image, cut, first)| tiles::order(image, cut, self.side, first, newline));
        Ok((Tensor::f32(&[placed.len(), channels, height, width], used), order.collect()))
    }

    /// The inputs, where a text that mentions no image mentions all of them in front.
    pub fn mention(&self, inputs: &Tensors) -> Result<Tensors> {
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
    pub fn place(&self, inputs: &Tensors, text: &Tensors) -> Result<Tensors> {
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
}

fn integers(shape: &[usize], values: Vec<usize>) -> Tensor {
    Tensor::i32(shape, values.into_iter().map(|value| i32::try_from(value).unwrap_or(i32::MAX)).collect())
}

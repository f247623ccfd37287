//! The image processor that a `preprocessor_config.json` asks for.

use matrix_engine::audio::Settings;
use matrix_engine::error::Result as Read;
use matrix_engine::protocol::{Tensor, Tensors};
use serde_json::Value;

use super::recipe::{Normalize, Recipe, Resize};
use super::resample::Filter;
use super::tiles;
use super::{Rgb, Size};
use crate::error::Error;

/// Rows and columns that a configuration may ask for.
const EDGE_LIMIT: usize = 4096;
/// Resolutions that images may be fitted into.
const RESOLUTION_LIMIT: usize = 256;
/// From this edge on ConvNeXt doesn't crop.
const WHOLE: usize = 384;

/// A processor with its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {
    recipe: Recipe,
    tiling: Option<Tiling>,
}

/// Into which tiles an image is cut.
#[derive(Clone, Debug, PartialEq)]
struct Tiling {
    resolutions: Vec<Size>,
    /// Edge of the whole image.
    edge: usize,
    /// Edge of a tile.
    tile: usize,
}

/// Processors by the way they resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Vit,
    Clip,
    ConvNext,
    Llava,
    LlavaNext,
}

/// Names of processors, without `ImageProcessor` or `FeatureExtractor`.
const STYLES: [(&str, Style); 6] = [
    ("ViT", Style::Vit),
    ("CLIP", Style::Clip),
    ("ConvNext", Style::ConvNext),
    ("Llava", Style::Llava),
    ("LlavaNext", Style::LlavaNext),
    ("VideoMAE", Style::Clip),
];

impl Processor {
    /// Reads `image_processor_type` (or `feature_extractor_type`, as older files call it) and the keys of that
    /// processor; a key that is missing has the value that the library gives it, by `model_type` for the processor.
    ///
    /// # Errors
    /// When a value is out of bounds or asks for something that isn't implemented.
    #[expect(clippy::cast_possible_truncation, reason = "pixels are f32")]
    pub fn new(model_type: &str, settings: &Settings) -> Read<Self> {
        let style = style(model_type, settings)?;
        let edge = if style == Style::ConvNext { WHOLE } else { 224 };
        let square = !matches!(style, Style::Clip | Style::Llava | Style::LlavaNext | Style::ConvNext);
        let size = extent(settings, "size", edge, square)?;
        let bicubic = matches!(style, Style::Clip | Style::Llava | Style::LlavaNext) && !is_video(settings);
        let mut recipe = Recipe {
            square: None,
            resize: settings.flag("do_resize", true)?.then_some(size),
            filter: filter(settings, if bicubic { 3 } else { 2 })?,
            crop: None,
            rescale: None,
            normalize: None,
        };
        if settings.flag("do_rescale", true)? {
            recipe.rescale = Some(settings.number("rescale_factor", 1.0 / 255.0, f64::MIN)?);
        }
        let (mean, std) = statistics(settings, style)?;
        let narrow = |values: [f64; 3]| values.map(|value| value as f32);
        let normalize = Normalize { mean: narrow(mean), std: narrow(std) };
        recipe.normalize = settings.flag("do_normalize", true)?.then_some(normalize);
        let mut tiling = None;
        match style {
            Style::Vit => {}
            Style::ConvNext => convnext(settings, size, &mut recipe)?,
            Style::Clip | Style::Llava | Style::LlavaNext => {
                let crop = crop_size(settings)?;
                recipe.crop = settings.flag("do_center_crop", true)?.then_some(crop);
                if style == Style::Llava && settings.flag("do_pad", false)? {
                    recipe.square = Some(mean.map(background));
                }
                if style == Style::LlavaNext {
                    tiling = Some(Tiling::new(settings, size, crop)?);
                }
            }
        }
        Ok(Self { recipe, tiling })
    }

    /// `pixel_values` [1, 3, height, width]; with tiles [1, tiles, 3, height, width] and `image_sizes` [1, 2],
    /// height and width of the image as it was.
    ///
    /// # Errors
    /// When the resized image would be too large.
    pub fn image(&self, image: &Rgb) -> Result<Tensors, Error> {
        let Some(tiling) = &self.tiling else {
            let (size, values) = self.recipe.apply(image)?;
            let tensor = Tensor::f32(&[1, 3, size.height, size.width], values);
            return Ok([("pixel_values".to_owned(), tensor)].into());
        };
        let Some(resolution) = tiles::best_resolution(image.size(), &tiling.resolutions) else {
            return Err(Error::internal("a tiling without resolutions"));
        };
        let parts = tiles::cut(image, resolution, tiling.edge, tiling.tile, self.recipe.filter);
        let (shape, values) = self.together(&parts)?;
        let edge = |edge: usize| i32::try_from(edge).unwrap_or(i32::MAX);
        let sizes = Tensor::i32(&[1, 2], vec![edge(image.size().height), edge(image.size().width)]);
        Ok([("pixel_values".to_owned(), Tensor::f32(&shape, values)), ("image_sizes".to_owned(), sizes)].into())
    }

    /// `pixel_values` of a clip, [1, frames, 3, height, width].
    ///
    /// # Errors
    /// When a frame would be too large, or frames differ in size.
    pub fn clip(&self, frames: &[Rgb]) -> Result<Tensors, Error> {
        let (shape, values) = self.together(frames)?;
        Ok([("pixel_values".to_owned(), Tensor::f32(&shape, values))].into())
    }

    /// Features of an image where it is cut into tiles with `grid` features along an edge.
    #[must_use]
    pub fn tile_features(&self, image: Size, grid: usize) -> Option<usize> {
        let tiling = self.tiling.as_ref()?;
        let resolution = tiles::best_resolution(image, &tiling.resolutions)?;
        Some(tiles::features(image, resolution, tiling.tile, grid))
    }

    fn together(&self, images: &[Rgb]) -> Result<([usize; 5], Vec<f32>), Error> {
        let (mut values, mut first) = (Vec::new(), None);
        for (index, image) in images.iter().enumerate() {
            let (size, part) = self.recipe.apply(image)?;
            let expected = *first.get_or_insert(size);
            if size != expected {
                let found = format!("frame {} becomes {size} pixels, the first one {expected}", index + 1);
                return Err(Error::usage(found).hint("frames of one clip must have one shape"));
            }
            values.extend(part);
        }
        let size = first.ok_or_else(|| Error::usage("a clip without frames"))?;
        Ok(([1, images.len(), 3, size.height, size.width], values))
    }
}

impl Tiling {
    fn new(settings: &Settings, size: Resize, crop: Size) -> Read<Self> {
        let key = "image_grid_pinpoints";
        let tile = crop.height;
        let expected =
            format!("1 to {RESOLUTION_LIMIT} pairs of height and width, multiples of {tile} up to {EDGE_LIMIT}");
        let value = settings.get(key).cloned().unwrap_or(Value::Null);
        let pair = |pair: &Value| {
            let edge = |index: usize| pair.get(index)?.as_u64().and_then(|edge| usize::try_from(edge).ok());
            let good = |edge: usize| (tile..=EDGE_LIMIT).contains(&edge) && edge.is_multiple_of(tile);
            Some(Size { height: edge(0).filter(|&edge| good(edge))?, width: edge(1).filter(|&edge| good(edge))? })
        };
        let pairs: Option<Vec<Size>> = value.as_array().and_then(|pairs| pairs.iter().map(pair).collect());
        let resolutions = pairs.filter(|pairs| (1..=RESOLUTION_LIMIT).contains(&pairs.len()));
        let resolutions = resolutions.ok_or_else(|| Settings::wrong(key, expected, &value))?;
        let edge = match size {
            Resize::Shortest(edge) => edge,
            Resize::Exact(size) => size.height.min(size.width),
        };
        Ok(Self { resolutions, edge, tile })
    }
}

/// Below 384 pixels ConvNeXt resizes to a little more and crops; from there on it resizes to a square.
fn convnext(settings: &Settings, size: Resize, recipe: &mut Recipe) -> Read<()> {
    let Resize::Shortest(edge) = size else {
        return Err(Settings::wrong("size", "{\"shortest_edge\": ..}", "a height and a width"));
    };
    let kept = settings.number("crop_pct", 224.0 / 256.0, 0.05)?;
    if recipe.resize.is_none() {
        return Ok(());
    }
    if edge < WHOLE {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "edge"
        )]
        let larger = (edge as f64 / kept) as usize;
        recipe.resize = Some(Resize::Shortest(larger.max(1)));
        recipe.crop = Some(Size::square(edge));
    } else {
        recipe.resize = Some(Resize::Exact(Size::square(edge)));
    }
    Ok(())
}

/// The style that the settings name, or the one that the library takes for a model type where they name none.
fn style(model_type: &str, settings: &Settings) -> Read<Style> {
    let named = ["image_processor_type", "feature_extractor_type"];
    let Some((key, found)) = named.iter().find_map(|key| Some((*key, settings.get(key)?))) else {
        return match model_type {
            "vit" => Ok(Style::Vit),
            "clip" | "xclip" => Ok(Style::Clip),
            "resnet" | "convnext" => Ok(Style::ConvNext),
            "llava" => Ok(Style::Llava),
            "llava_next" => Ok(Style::LlavaNext),
            _ => Err(Settings::wrong(named[0], names(), "nothing")),
        };
    };
    let word = found.as_str().unwrap_or_default();
    // The fast processors have the same settings; their pixels differ by one step of 8 bits at most.
    let name = word.trim_end_matches("Fast");
    let name = name.strip_suffix("ImageProcessor").or_else(|| name.strip_suffix("FeatureExtractor")).unwrap_or(name);
    let known = STYLES.iter().find(|(style, _)| *style == name).map(|(_, style)| *style);
    known.ok_or_else(|| Settings::wrong(key, names(), found))
}

fn names() -> String {
    STYLES.map(|(style, _)| format!("{style}ImageProcessor")).join(", ")
}

fn is_video(settings: &Settings) -> bool {
    let word = settings.get("image_processor_type").or_else(|| settings.get("feature_extractor_type"));
    word.and_then(Value::as_str).is_some_and(|word| word.starts_with("VideoMAE"))
}

/// An edge, a shortest edge, or height and width.
fn extent(settings: &Settings, key: &str, default: usize, square: bool) -> Read<Resize> {
    let short = |edge: usize| if square { Resize::Exact(Size::square(edge)) } else { Resize::Shortest(edge) };
    let Some(value) = settings.get(key) else { return Ok(short(default)) };
    let edge = |value: Option<&Value>| {
        let edge = value?.as_u64().and_then(|edge| usize::try_from(edge).ok())?;
        (1..=EDGE_LIMIT).contains(&edge).then_some(edge)
    };
    let both = || Some(Size { height: edge(value.get("height"))?, width: edge(value.get("width"))? });
    let found = (edge(Some(value)).map(short))
        .or_else(|| edge(value.get("shortest_edge")).map(Resize::Shortest))
        .or_else(|| both().map(Resize::Exact));
    found.ok_or_else(|| {
        let forms = "a number, {\"shortest_edge\": ..} or {\"height\": .., \"width\": ..}";
        Settings::wrong(key, format!("{forms}, each from 1 to {EDGE_LIMIT}"), value)
    })
}

fn crop_size(settings: &Settings) -> Read<Size> {
    match extent(settings, "crop_size", 224, true)? {
        Resize::Exact(size) => Ok(size),
        Resize::Shortest(_) => Err(Settings::wrong("crop_size", "a height and a width", "a shortest edge")),
    }
}

/// Pillow's numbers of filters.
fn filter(settings: &Settings, default: u64) -> Read<Filter> {
    let value = settings.get("resample").cloned().unwrap_or_else(|| Value::from(default));
    match value.as_u64() {
        Some(1) => Ok(Filter::Lanczos),
        Some(2) => Ok(Filter::Bilinear),
        Some(3) => Ok(Filter::Bicubic),
        _ => Err(Settings::wrong("resample", "1 (Lanczos), 2 (bilinear) or 3 (bicubic)", &value)),
    }
}

/// Mean and standard deviation per channel.
type Statistics = ([f64; 3], [f64; 3]);

/// Those of CLIP's training images.
const CLIP: Statistics = ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_58, 0.275_777_11]);

fn statistics(settings: &Settings, style: Style) -> Read<Statistics> {
    let clip = matches!(style, Style::Clip | Style::Llava | Style::LlavaNext) && !is_video(settings);
    let (mean, std) = if clip { CLIP } else { ([0.5; 3], [0.5; 3]) };
    let std = channels(settings, "image_std", std)?;
    if std.contains(&0.0) {
        return Err(Settings::wrong("image_std", "numbers other than 0", "0"));
    }
    Ok((channels(settings, "image_mean", mean)?, std))
}

/// One number per channel, or one for all.
fn channels(settings: &Settings, key: &str, default: [f64; 3]) -> Read<[f64; 3]> {
    let Some(value) = settings.get(key) else { return Ok(default) };
    if let Some(one) = value.as_f64() {
        return Ok([one; 3]);
    }
    let numbers: Option<Vec<f64>> = value.as_array().and_then(|values| values.iter().map(Value::as_f64).collect());
    let three = numbers.and_then(|numbers| numbers.try_into().ok());
    three.ok_or_else(|| Settings::wrong(key, "three numbers", value))
}

/// The mean as a colour, cut off to 8 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts clamp")]
fn background(mean: f64) -> u8 {
    (mean * 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processor(model_type: &str, text: &str) -> Read<Processor> {
        Processor::new(model_type, &Settings::parse(text.as_bytes()).expect("an object"))
    }

    fn shape(model_type: &str, text: &str) -> Vec<usize> {
        let image = Rgb::filled(Size { height: 30, width: 40 }, [1, 2, 3]);
        processor(model_type, text).expect("supported").image(&image).expect("pixels")["pixel_values"].shape.clone()
    }

    #[test]
    fn older_files_are_understood() {
        let vit = r#"{"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "size": 24}"#;
        assert_eq!(shape("vit", vit), [1, 3, 24, 24]);
        let convnext = r#"{"feature_extractor_type": "ConvNextFeatureExtractor", "size": 14, "crop_pct": null}"#;
        assert_eq!(shape("resnet", convnext), [1, 3, 14, 14]);
        let clip = r#"{"image_processor_type": "CLIPFeatureExtractor", "size": 24, "crop_size": 20}"#;
        assert_eq!(shape("clip", clip), [1, 3, 20, 20]);
        let xclip = r#"{"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 24, "do_center_crop": false}"#;
        assert_eq!(shape("xclip", xclip), [1, 3, 24, 32]);
        assert_eq!(shape("vit", r#"{"image_processor_type": "ViTImageProcessorFast", "size": 9}"#), [1, 3, 9, 9]);
    }

    #[test]
    fn large_convnexts_do_not_crop() {
        assert_eq!(processor("convnext", r#"{"size": 384}"#).expect("supported").recipe.crop, None);
        assert_eq!(shape("convnext", r#"{"size": {"shortest_edge": 400}}"#), [1, 3, 400, 400]);
        assert_eq!(shape("convnext", r#"{"size": 224}"#), [1, 3, 224, 224]);
    }

    #[test]
    fn what_is_not_supported_says_so() {
        let refusals = [
            ("vit", r#"{"image_processor_type": "SamImageProcessor"}"#),
            ("bert", "{}"),
            ("vit", r#"{"size": {"longest_edge": 9}}"#),
            ("vit", r#"{"size": 100000}"#),
            ("clip", r#"{"crop_size": {"shortest_edge": 9}}"#),
            ("clip", r#"{"resample": 0}"#),
            ("clip", r#"{"image_mean": [0.5]}"#),
            ("clip", r#"{"image_std": [0.5, 0, 0.5]}"#),
            ("resnet", r#"{"size": {"height": 9, "width": 9}}"#),
            ("resnet", r#"{"crop_pct": 0}"#),
            ("llava_next", r#"{"crop_size": 336, "image_grid_pinpoints": [[336, 500]]}"#),
            ("llava_next", "{}"),
        ];
        let text: Vec<String> = refusals
            .map(|(model_type, text)| processor(model_type, text).expect_err(text).to_string())
            .map(|text| text.replace("preprocessor_config.json: ", "").replace(": unusable value", ""))
            .to_vec();
        insta::assert_snapshot!(text.join("\n"));
    }
}

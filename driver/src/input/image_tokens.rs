//! A prompt names an image once; the model wants one id per image feature in its place.

use matrix_engine::protocol::{Tensor, Tensors};

use super::image::{Processor, Size};
use super::model_folder::Config;
use crate::error::Error;

/// Image features of a LLaVA model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageTokens {
    /// The id that stands for one feature.
    pub id: i32,
    /// How many there are.
    pub count: usize,
}

impl ImageTokens {
    /// The tokens of an image: the patches of each tile, and what LLaVA-NeXT adds for rows; with the class token
    /// where `vision_feature_select_strategy` is `full`.
    ///
    /// # Errors
    /// When `config.json` doesn't say what is needed.
    pub fn new(config: &Config, processor: &Processor, image: Size) -> Result<Self, Error> {
        let integer = |pointers: &[&str]| {
            config.integer(pointers).filter(|&value| value > 0).ok_or_else(|| {
                Error::usage(format!("config.json has no '{}'", pointers[0].trim_start_matches('/').replace('/', ".")))
                    .note("it decides how many ids stand for an image")
            })
        };
        let id = integer(&["/image_token_index", "/image_token_id"])?;
        let grid = integer(&["/vision_config/image_size"])? / integer(&["/vision_config/patch_size"])?;
        let strategy = config.at("/vision_feature_select_strategy").and_then(serde_json::Value::as_str);
        let class = usize::from(strategy == Some("full"));
        let features = processor.tile_features(image, grid).unwrap_or(grid * grid);
        Ok(Self { id: i32::try_from(id).unwrap_or(i32::MAX), count: features + class })
    }

    /// Puts the tokens where a row of ids has one of them, or in front where it has none. Rows become longer by
    /// different amounts only if they name the image a different number of times, which is refused.
    ///
    /// # Errors
    /// When a row names the image more than once.
    pub fn expand(self, tensors: &mut Tensors) -> Result<(), Error> {
        let Some(ids) = tensors.get("input_ids") else { return Ok(()) };
        let (Some(values), &[rows, columns]) = (ids.as_i32(), ids.shape.as_slice()) else { return Ok(()) };
        let mask = tensors.get("attention_mask").and_then(Tensor::as_i32);
        let longest = (0..rows).map(|row| self.named(&values[row * columns..(row + 1) * columns])).max().unwrap_or(0);
        if longest > 1 {
            return Err(Error::usage("a prompt names the image more than once").hint("one image goes into a prompt"));
        }
        let (mut new_ids, mut new_mask) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let old = &values[row * columns..(row + 1) * columns];
            let old_mask = mask.map(|mask| &mask[row * columns..(row + 1) * columns]);
            let place = old.iter().position(|&id| id == self.id);
            let (before, after) = (place.unwrap_or(0), place.map_or(0, |place| place + 1));
            new_ids.extend_from_slice(&old[..before]);
            new_ids.extend(std::iter::repeat_n(self.id, self.count));
            new_ids.extend_from_slice(&old[after..]);
            if let Some(old_mask) = old_mask {
                new_mask.extend_from_slice(&old_mask[..before]);
                new_mask.extend(std::iter::repeat_n(1, self.count));
                new_mask.extend_from_slice(&old_mask[after..]);
            }
            if place.is_none() && longest == 1 {
                return Err(Error::usage("one prompt names the image and another doesn't"));
            }
        }
        let shape = [rows, new_ids.len().checked_div(rows).unwrap_or(0)];
        if mask.is_some() {
            tensors.insert("attention_mask".to_owned(), Tensor::i32(&shape, new_mask));
        }
        tensors.insert("input_ids".to_owned(), Tensor::i32(&shape, new_ids));
        Ok(())
    }

    fn named(self, row: &[i32]) -> usize {
        row.iter().filter(|&&id| id == self.id).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: ImageTokens = ImageTokens { id: 9, count: 3 };

    fn expanded(shape: &[usize], ids: Vec<i32>) -> Result<Tensors, Error> {
        let mask = Tensor::i32(shape, ids.iter().map(|&id| i32::from(id != 0)).collect());
        let mut tensors =
            Tensors::from([("input_ids".into(), Tensor::i32(shape, ids)), ("attention_mask".into(), mask)]);
        TOKENS.expand(&mut tensors).map(|()| tensors)
    }

    #[test]
    fn the_image_takes_its_place() {
        let tensors = expanded(&[2, 4], vec![1, 9, 2, 3, 9, 4, 0, 0]).expect("one image each");
        assert_eq!(tensors["input_ids"], Tensor::i32(&[2, 6], vec![1, 9, 9, 9, 2, 3, 9, 9, 9, 4, 0, 0]));
        assert_eq!(tensors["attention_mask"], Tensor::i32(&[2, 6], vec![1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]));
    }

    #[test]
    fn without_a_place_the_image_comes_first() {
        let tensors = expanded(&[1, 2], vec![1, 2]).expect("in front");
        assert_eq!(tensors["input_ids"], Tensor::i32(&[1, 5], vec![9, 9, 9, 1, 2]));
    }

    #[test]
    fn prompts_must_name_the_image_alike() {
        assert!(expanded(&[1, 2], vec![9, 9]).is_err());
        assert!(expanded(&[2, 1], vec![9, 1]).is_err());
    }
}

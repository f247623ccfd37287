//! What most image processors do, in order: pad to a square, resize, crop, scale, normalise.

use super::resample::{Filter, resize};
use super::{Rgb, Size};
use crate::error::Error;

/// Pixels that a resized image may have: a line of one pixel's height would grow without bound.
const PIXEL_LIMIT: usize = 1 << 26;

/// The steps of a processor; `None` leaves a step out.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Colour of the border that makes the image a square.
    pub square: Option<[u8; 3]>,
    /// To which size.
    pub resize: Option<Resize>,
    /// How pixels are weighted.
    pub filter: Filter,
    /// Size of the middle that is kept.
    pub crop: Option<Size>,
    /// Factor of every value.
    pub rescale: Option<f64>,
    /// What is subtracted and divided by, per channel.
    pub normalize: Option<Normalize>,
}

/// The size after resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Whatever the shape was.
    Exact(Size),
    /// In the same shape, the shorter edge this long.
    Shortest(usize),
}

/// Mean and standard deviation per channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// Subtracted first.
    pub mean: [f32; 3],
    /// Divided by then.
    pub std: [f32; 3],
}

impl Recipe {
    /// The values of `image` as a model takes them, [3, height, width], and height and width.
    ///
    /// # Errors
    /// When the resized image would be too large.
    pub fn apply(&self, image: &Rgb) -> Result<(Size, Vec<f32>), Error> {
        let mut image = image.clone();
        if let Some(colour) = self.square {
            image = image.on_square(colour);
        }
        let size = match self.resize {
            None => image.size(),
            Some(Resize::Exact(size)) => size,
            Some(Resize::Shortest(edge)) => image.size().with_shortest(edge),
        };
        if size.pixels() > PIXEL_LIMIT {
            let found = format!("an image of {} would become {size} pixels", image.size());
            return Err(Error::usage(found).note(format!("at most {PIXEL_LIMIT} pixels are prepared")));
        }
        image = resize(&image, size, self.filter);
        if let Some(size) = self.crop {
            image = image.centre(size);
        }
        Ok((image.size(), self.values(&image)))
    }

    /// Scaled in f64 and kept in f32, then normalised in f32, as the library does.
    #[expect(clippy::cast_possible_truncation, reason = "the library's own rounding")]
    fn values(&self, image: &Rgb) -> Vec<f32> {
        let channel = |channel: usize| {
            let value = move |value: u8| {
                let value = f64::from(value);
                let value = self.rescale.map_or(value, |factor| value * factor) as f32;
                self.normalize.map_or(value, |by| (value - by.mean[channel]) / by.std[channel])
            };
            let table: Vec<f32> = (0..=u8::MAX).map(value).collect();
            image.pixels()[channel..].iter().step_by(3).map(move |&value| table[usize::from(value)])
        };
        (0..3).flat_map(channel).collect()
    }
}

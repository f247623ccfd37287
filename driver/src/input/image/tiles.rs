//! LLaVA-NeXT's tiles (Liu et al., "LLaVA-NeXT: Improved reasoning, OCR, and world knowledge", 2024): an image is
//! fitted into the one of several resolutions that wastes least, and cut into squares.

use super::resample::{Filter, resize};
use super::{Rgb, Size};

/// The resolution that keeps the most of an image, and of those the one with the least empty room.
/// `None` only without resolutions. The first of equals is taken.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "edges")]
pub fn best_resolution(image: Size, resolutions: &[Size]) -> Option<Size> {
    let worth = |room: &Size| {
        let scale = (room.width as f64 / image.width as f64).min(room.height as f64 / image.height as f64);
        let scaled = |edge: usize| (edge as f64 * scale) as usize;
        let kept = (scaled(image.width) * scaled(image.height)).min(image.pixels());
        (kept, std::cmp::Reverse(room.pixels() - kept.min(room.pixels())))
    };
    // `max_by_key` would take the last of equals.
    resolutions.iter().rev().max_by_key(|room| worth(room)).copied()
}

/// The image itself as a square of `edge`, its shape lost, then the tiles of `tile` by `tile` pixels, row by row,
/// of the image fitted into `resolution` and put in the middle, on black.
#[must_use]
pub fn cut(image: &Rgb, resolution: Size, edge: usize, tile: usize, filter: Filter) -> Vec<Rgb> {
    let fitted = resize(image, image.size().fitted_into(resolution), filter);
    let mut room = Rgb::filled(resolution, [0; 3]);
    let offset = |room: usize, have: usize| (room.saturating_sub(have) / 2).cast_signed();
    let size = fitted.size();
    room.paste(&fitted, offset(resolution.height, size.height), offset(resolution.width, size.width));
    let mut tiles = vec![resize(image, Size::square(edge), filter)];
    for top in (0..resolution.height).step_by(tile) {
        for left in (0..resolution.width).step_by(tile) {
            tiles.push(room.window(top.cast_signed(), left.cast_signed(), Size::square(tile)));
        }
    }
    tiles
}

/// Image features of a tiled image: those of the whole image, those of the tile map without the rows or columns
/// that are only border, and one per row for its end.
///
/// `grid` is the number of features along an edge of a tile.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "edges")]
pub fn features(image: Size, resolution: Size, tile: usize, grid: usize) -> usize {
    let (mut height, mut width) = (resolution.height / tile * grid, resolution.width / tile * grid);
    // Rounded at the seventh place before it is cut off, as the library does.
    let scaled = |edge: usize, scale: f64| ((edge as f64 * scale * 1e7).round() / 1e7) as usize;
    let shape = image.width as f64 / image.height as f64;
    if shape > width as f64 / height as f64 {
        let used = scaled(image.height, width as f64 / image.width as f64);
        height -= height.saturating_sub(used) / 2 * 2;
    } else {
        let used = scaled(image.width, height as f64 / image.height as f64);
        width -= width.saturating_sub(used) / 2 * 2;
    }
    height * width + height + grid * grid
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: [(usize, usize); 5] = [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)];

    fn published() -> Vec<Size> {
        PUBLISHED.iter().map(|&(height, width)| Size { height, width }).collect()
    }

    #[test]
    fn the_resolution_follows_the_shape() {
        let best = |height, width| best_resolution(Size { height, width }, &published()).expect("there are some");
        assert_eq!(best(500, 500), Size { height: 672, width: 672 });
        assert_eq!(best(100, 1000), Size { height: 336, width: 1008 });
        assert_eq!(best(1000, 300), Size { height: 1008, width: 336 });
        // Nothing is lost in any: the smallest room, and of equals the first.
        assert_eq!(best(10, 10), Size { height: 336, width: 672 });
        assert!(best_resolution(Size::square(3), &[]).is_none());
    }

    #[test]
    fn features_are_counted_without_the_border() {
        // The two images of the reference: 33 and 37 features.
        let size = |height, width| Size { height, width };
        assert_eq!(features(size(26, 68), size(24, 72), 24, 3), 33);
        assert_eq!(features(size(40, 75), size(48, 48), 24, 3), 37);
    }
}

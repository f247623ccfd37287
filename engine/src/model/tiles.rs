//! How LLaVA-NeXT looks at a large image: once as a whole, once in tiles of a grid that fits it best; the
//! features of the tiles are put together to one map, without what was padding.

/// Height and width.
pub type Extent = [usize; 2];

/// The one of `grids` (in pixels) in which most of an image of this extent is seen, and least is wasted.
#[must_use]
pub fn best(image: Extent, grids: &[Extent]) -> Option<Extent> {
    let [height, width] = image.map(|size| size as f64);
    let seen = |&[h, w]: &Extent| {
        let scale = (w as f64 / width).min(h as f64 / height);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole pixels")]
        let scaled = (width * scale) as usize * (height * scale) as usize;
        scaled.min(image[0] * image[1])
    };
    let mut best: Option<(usize, usize, Extent)> = None;
    for grid in grids {
        let (seen, wasted) = (seen(grid), (grid[0] * grid[1]).saturating_sub(seen(grid)));
        if best.is_none_or(|(most, least, _)| seen > most || seen == most && wasted < least) {
            best = Some((seen, wasted, *grid));
        }
    }
    best.map(|(.., grid)| grid)
}

/// The rows and columns of a map of this extent that show the image: it was padded on two sides.
#[must_use]
pub fn unpadded(image: Extent, map: Extent) -> [std::ops::Range<usize>; 2] {
    let [height, width] = image.map(|size| size as f64);
    let [rows, columns] = map.map(|size| size as f64);
    // The reference implementation rounds like this, to whole numbers that arithmetic just missed.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole rows")]
    let whole = |size: f64| ((size * 1e7).round() / 1e7) as usize;
    if width / height > columns / rows {
        let padding = map[0].saturating_sub(whole(height * columns / width)) / 2;
        [padding..map[0] - padding, 0..map[1]]
    } else {
        let padding = map[1].saturating_sub(whole(width * rows / height)) / 2;
        [0..map[0], padding..map[1] - padding]
    }
}

/// The order of an image's features: all of the whole image, then the map row by row with `newline` behind every
/// row. Features are numbered from `first` on, tile by tile, `side` rows and columns each; the whole image is the
/// first tile.
#[must_use]
pub fn order(image: Extent, grid: Extent, side: Extent, first: usize, newline: usize) -> Vec<usize> {
    let tile = side[0] * side[1];
    let mut order: Vec<usize> = (first..first + tile).collect();
    let [rows, columns] = unpadded(image, [grid[0] * side[0], grid[1] * side[1]]);
    for row in rows {
        for column in columns.clone() {
            let number = row / side[0] * grid[1] + column / side[1];
            order.push(first + (1 + number) * tile + row % side[0] * side[1] + column % side[1]);
        }
        order.push(newline);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_fits_the_image_and_padding_is_left_out() {
        let grids = [[24, 48], [48, 24], [48, 48], [72, 24], [24, 72]];
        assert_eq!(best([26, 68], &grids), Some([24, 72]));
        assert_eq!(best([40, 75], &grids), Some([48, 48]));
        assert_eq!(best([1, 1], &[]), None);
        // 68 · 3 / 26 = 7.8 columns of 9 show the image, and 40 · 6 / 75 = 3.2 rows of 6: padding is rounded down.
        assert_eq!(unpadded([26, 68], [3, 9]), [0..3, 1..8]);
        assert_eq!(unpadded([40, 75], [6, 6]), [1..5, 0..6]);
        assert_eq!(order([4, 4], [1, 1], [1, 2], 3, 9), [3, 4, 5, 6, 9]);
    }
}

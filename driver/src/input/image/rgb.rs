//! An image of 8 bits per channel, and what can be done to it without changing a pixel's value.

use super::Size;

/// Rows of red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    size: Size,
    /// [height, width, 3]
    pixels: Vec<u8>,
}

impl Rgb {
    /// An image of `size`; `None` unless `pixels` holds exactly its values and it has a pixel.
    #[must_use]
    pub fn new(size: Size, pixels: Vec<u8>) -> Option<Self> {
        (size.pixels() > 0 && size.pixels().checked_mul(3) == Some(pixels.len())).then_some(Self { size, pixels })
    }

    /// An image of one colour.
    #[must_use]
    pub fn filled(size: Size, colour: [u8; 3]) -> Self {
        Self { size, pixels: colour.repeat(size.pixels()) }
    }

    /// Height and width.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// The values, [height, width, 3].
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The part of `size` whose top left corner is at (`top`, `left`); what lies outside the image is black.
    #[must_use]
    pub fn window(&self, top: isize, left: isize, size: Size) -> Self {
        let mut part = Self::filled(size, [0; 3]);
        part.paste(self, -top, -left);
        part
    }

    /// Copies `image` over this one, its top left corner at (`top`, `left`); what lies outside is left out.
    pub fn paste(&mut self, image: &Self, top: isize, left: isize) {
        let (from, to, columns) = overlap(left, image.size.width, self.size.width);
        let (first, under, rows) = overlap(top, image.size.height, self.size.height);
        for row in 0..rows {
            let source = ((first + row) * image.size.width + from) * 3;
            let target = ((under + row) * self.size.width + to) * 3;
            self.pixels[target..target + columns * 3].copy_from_slice(&image.pixels[source..source + columns * 3]);
        }
    }

    /// The middle of the image. Where it is smaller than `size` it gets a black border; of an odd remainder, the
    /// smaller half is cut off at the top and left, and the larger half of a border is there.
    #[must_use]
    pub fn centre(&self, size: Size) -> Self {
        let offset = |have: usize, want: usize| have.cast_signed().wrapping_sub(want.cast_signed()).div_euclid(2);
        self.window(offset(self.size.height, size.height), offset(self.size.width, size.width), size)
    }

    /// The image in the middle of a square as large as its longer edge, the rest in one colour.
    #[must_use]
    pub fn on_square(&self, colour: [u8; 3]) -> Self {
        let edge = self.size.height.max(self.size.width);
        let mut square = Self::filled(Size::square(edge), colour);
        let offset = |have: usize| ((edge - have) / 2).cast_signed();
        square.paste(self, offset(self.size.height), offset(self.size.width));
        square
    }
}

/// Where `have` values put at `offset` meet `room` values: first of theirs, first of ours, how many.
fn overlap(offset: isize, have: usize, room: usize) -> (usize, usize, usize) {
    let (skipped, begin) = if offset < 0 { (offset.unsigned_abs(), 0) } else { (0, offset.unsigned_abs()) };
    let count = have.saturating_sub(skipped).min(room.saturating_sub(begin));
    if count == 0 { (0, 0, 0) } else { (skipped, begin, count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, width: usize) -> Rgb {
        let pixels = (1..=u8::try_from(height * width).expect("small")).flat_map(|v| [v; 3]).collect();
        Rgb::new(Size { height, width }, pixels).expect("fits")
    }

    fn reds(image: &Rgb) -> Vec<u8> {
        image.pixels().iter().step_by(3).copied().collect()
    }

    #[test]
    fn the_centre_leans_to_the_top_left() {
        assert_eq!(reds(&grey(1, 5).centre(Size { height: 1, width: 2 })), [2, 3]);
        assert_eq!(reds(&grey(1, 4).centre(Size { height: 1, width: 2 })), [2, 3]);
    }

    #[test]
    fn a_border_is_wider_at_the_top_left() {
        assert_eq!(reds(&grey(1, 2).centre(Size { height: 1, width: 5 })), [0, 0, 1, 2, 0]);
        assert_eq!(reds(&grey(3, 1).centre(Size { height: 1, width: 2 })), [0, 2]);
    }

    #[test]
    fn a_window_beside_the_image_is_black() {
        assert_eq!(reds(&grey(2, 2).window(5, -7, Size::square(2))), [0; 4]);
        assert_eq!(reds(&grey(2, 2).window(isize::MAX, 1, Size::square(1))), [0]);
    }

    #[test]
    fn a_square_keeps_the_image_in_the_middle() {
        assert_eq!(reds(&grey(1, 3).on_square([9; 3])), [9, 9, 9, 1, 2, 3, 9, 9, 9]);
    }

    #[test]
    fn pixels_must_fill_the_size() {
        assert!(Rgb::new(Size::square(2), vec![0; 11]).is_none());
        assert!(Rgb::new(Size { height: 0, width: 3 }, Vec::new()).is_none());
    }
}

//! Height and width, and the rules by which processors derive one from another.

use std::fmt;

/// Height and width in pixels, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// A square.
    #[must_use]
    pub fn square(edge: usize) -> Self {
        Self { height: edge, width: edge }
    }

    /// Number of pixels.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// This size scaled so that the shorter edge is `edge`; the longer one is rounded down.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "edges")]
    pub fn with_shortest(self, edge: usize) -> Self {
        let (short, long) = (self.height.min(self.width), self.height.max(self.width));
        let longer = ((edge * long) as f64 / short as f64) as usize;
        if self.width <= self.height {
            Self { height: longer, width: edge }
        } else {
            Self { height: edge, width: longer }
        }
    }

    /// The largest size of this shape that fits into `room`; the edge that doesn't touch is rounded up.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "edges")]
    pub fn fitted_into(self, room: Self) -> Self {
        let along_width = room.width as f64 / self.width as f64;
        let along_height = room.height as f64 / self.height as f64;
        if along_width < along_height {
            let height = (self.height as f64 * along_width).ceil() as usize;
            Self { height: height.min(room.height).max(1), width: room.width }
        } else {
            let width = (self.width as f64 * along_height).ceil() as usize;
            Self { height: room.height, width: width.min(room.width).max(1) }
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_edge_decides() {
        let size = |height, width| Size { height, width };
        assert_eq!(size(41, 57).with_shortest(32), size(32, 44));
        assert_eq!(size(57, 41).with_shortest(32), size(44, 32));
        assert_eq!(size(7, 7).with_shortest(9), size(9, 9));
    }

    #[test]
    fn fitting_touches_one_edge() {
        let size = |height, width| Size { height, width };
        assert_eq!(size(26, 68).fitted_into(size(24, 72)), size(24, 63));
        assert_eq!(size(40, 75).fitted_into(size(48, 48)), size(26, 48));
        assert_eq!(size(1, 10_000).fitted_into(size(24, 48)), size(1, 48));
    }
}

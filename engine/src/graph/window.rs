//! Windows that slide over images: convolutions and pooling. Images are `[B, H, W, C]`, channels last, so that
//! a 1 × 1 convolution is a linear layer and norms and heads need no transposition.

use super::Activation;

/// How a window moves, along height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Zeros in front of the image, and behind it.
    pub padding: [usize; 2],
}

impl Window {
    /// Windows that touch without overlapping.
    #[must_use]
    pub fn tiles(size: [usize; 2]) -> Self {
        Self { stride: size, padding: [0, 0] }
    }

    /// How many windows of `size` fit.
    #[must_use]
    pub fn steps(self, image: [usize; 2], size: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let room = image[axis].checked_add(2 * self.padding[axis])?.checked_sub(size[axis])?;
            // A window that lies in the padding alone would have nothing to take the largest of.
            (size[axis] > self.padding[axis]).then_some(())?;
            Some(room.checked_div(self.stride[axis])? + 1)
        };
        Some([along(0)?, along(1)?])
    }
}

/// A convolution: activation(Σ x · weight + bias) over windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// How the window moves.
    pub window: Window,
    /// Groups of channels that do not mix: as many as there are channels makes it depthwise.
    pub groups: usize,
    /// Applied to the result.
    pub activation: Option<Activation>,
    /// Whether x is `[B, C, H, W]`.
    pub channels_first: bool,
}

/// The numbers of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Images.
    pub batch: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Height and width of an image.
    pub image: [usize; 2],
    /// Values from one batch, row, column and channel of x to the next.
    pub strides: [usize; 4],
    /// Height and width of the window.
    pub size: [usize; 2],
    /// How it moves.
    pub window: Window,
    /// Height and width of the result.
    pub steps: [usize; 2],
    /// Channels of x in a group.
    pub inputs: usize,
    /// Channels of the result in a group.
    pub outputs: usize,
}

impl Conv {
    /// The numbers, if x and weight fit.
    #[must_use]
    pub fn extent(&self, x: &[usize], weight: &[usize]) -> Option<Extent> {
        let (&[b, i, j, k], &[o, inputs, height, width]) = (x, weight) else { return None };
        let (c, image, strides) = if self.channels_first {
            (i, [j, k], [i * j * k, k, 1, j * k])
        } else {
            (k, [i, j], [i * j * k, j * k, k, 1])
        };
        let groups = self.groups;
        let fits = groups > 0 && o % groups == 0 && c == inputs * groups && height > 0 && width > 0;
        fits.then_some(())?;
        let (size, window) = ([height, width], self.window);
        let steps = window.steps(image, size)?;
        Some(Extent { batch: b, groups, image, strides, size, window, steps, inputs, outputs: o / groups })
    }
}

impl Extent {
    /// Shape of the result.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        vec![self.batch, self.steps[0], self.steps[1], self.groups * self.outputs]
    }

    /// Values under a window in one group.
    #[must_use]
    pub fn inner(&self) -> usize {
        self.inputs * self.size[0] * self.size[1]
    }
}

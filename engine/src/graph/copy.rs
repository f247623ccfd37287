//! Every rearrangement of values as one description: permuting, slicing, padding, rolling, repeating.

/// Axes a copy may have.
pub const AXES: usize = 6;

/// One axis of the result: index i reads coordinate i + shift of its source axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Length in the result.
    pub size: u32,
    /// Values from one coordinate of the source to the next; 0 repeats.
    pub stride: u32,
    /// Added to the index.
    pub shift: i32,
    /// Length in the source. A coordinate outside reads 0, unless it wraps.
    pub limit: u32,
    /// Whether coordinates wrap around.
    pub wrap: bool,
}

impl Axis {
    /// An axis taken as it is.
    #[must_use]
    pub fn whole(size: u32, stride: u32) -> Self {
        Self { size, stride, shift: 0, limit: size, wrap: false }
    }

    /// What index `i` of the result adds to the place in the source; `None` reads 0.
    #[must_use]
    pub fn place(self, i: u32) -> Option<usize> {
        let coordinate = i64::from(i) + i64::from(self.shift);
        let limit = i64::from(self.limit);
        let coordinate = if self.wrap { coordinate.rem_euclid(limit.max(1)) } else { coordinate };
        if !(0..limit).contains(&coordinate) {
            return None;
        }
        usize::try_from(coordinate * i64::from(self.stride)).ok()
    }
}

/// A copy. The result's shape is the sizes of the last `rank` axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strided {
    /// The axes, in the order of the result; those in front of the last `rank` have length 1.
    pub axes: [Axis; AXES],
    /// Number of axes.
    pub rank: usize,
}

impl Strided {
    /// A copy with these axes, if there are not too many.
    #[must_use]
    pub fn new(axes: &[Axis]) -> Option<Self> {
        let mut all = [Axis::whole(1, 0); AXES];
        all.get_mut(AXES.checked_sub(axes.len())?..)?.copy_from_slice(axes);
        Some(Self { axes: all, rank: axes.len() })
    }

    /// Shape of the result, if no axis reaches outside x.
    #[must_use]
    pub fn shape(&self, x: &[usize]) -> Option<Vec<usize>> {
        let farthest: u64 =
            self.axes.iter().map(|axis| u64::from(axis.limit.saturating_sub(1)) * u64::from(axis.stride)).sum();
        let length = x.iter().map(|&d| d as u64).product::<u64>();
        let inside = farthest < length && self.rank <= AXES && self.axes.iter().all(|axis| axis.limit > 0);
        inside.then(|| self.axes[AXES - self.rank..].iter().map(|axis| axis.size as usize).collect())
    }
}

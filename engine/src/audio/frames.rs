//! Overlapping frames of a clip whose ends are mirrored, so that frame t is centred on sample t × hop.

/// Where the frames of a clip lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Samples per frame.
    pub length: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
}

impl Frames {
    /// Number of frames of a clip: 1 + samples / hop for an even frame length, 0 for an empty clip.
    #[must_use]
    pub fn count(self, samples: usize) -> usize {
        let padded = samples + 2 * (self.length / 2);
        if samples == 0 || padded < self.length { 0 } else { 1 + (padded - self.length) / self.hop }
    }

    /// Writes frame `index` of `clip`, multiplied by `window`, to `frame`. All three slices hold what
    /// [`Self::length`] and [`Self::count`] say.
    pub fn write(self, clip: &[f32], index: usize, window: &[f32], frame: &mut [f32]) {
        let begin = index * self.hop;
        let pad = self.length / 2;
        let inside = begin.checked_sub(pad).and_then(|begin| clip.get(begin..begin + self.length));
        if let Some(samples) = inside {
            for ((out, sample), weight) in frame.iter_mut().zip(samples).zip(window) {
                *out = sample * weight;
            }
        } else {
            for (i, (out, weight)) in frame.iter_mut().zip(window).enumerate() {
                *out = clip[mirrored(begin + i, pad, clip.len())] * weight;
            }
        }
    }
}

/// The sample that stands at `position` of a clip of `length` samples with `pad` mirrored ones in front.
/// The edge itself is not repeated; a clip shorter than the padding is mirrored again and again.
fn mirrored(position: usize, pad: usize, length: usize) -> usize {
    let period = 2 * (length - 1);
    if period == 0 {
        return 0;
    }
    let place = (position + period * pad.div_ceil(period) - pad) % period;
    place.min(period - place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(clip: &[f32], pad: usize) -> Vec<f32> {
        (0..clip.len() + 2 * pad).map(|i| clip[mirrored(i, pad, clip.len())]).collect()
    }

    #[test]
    fn the_edge_is_not_repeated() {
        assert_eq!(padded(&[1.0, 2.0, 3.0], 2), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn a_short_clip_is_mirrored_again() {
        assert_eq!(padded(&[1.0, 2.0], 3), [2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0]);
        assert_eq!(padded(&[1.0], 3), [1.0; 7]);
    }

    #[test]
    fn frames_are_counted_as_they_are_written() {
        for (length, hop, samples, count) in [(400, 160, 1000, 7), (400, 160, 0, 0), (5, 2, 4, 2), (4, 3, 1, 1)] {
            assert_eq!(Frames { length, hop }.count(samples), count, "{length} {hop} {samples}");
        }
    }

    #[test]
    fn inside_and_edge_give_the_same_samples() {
        let clip: Vec<f32> = (0..20_u8).map(f32::from).collect();
        let frames = Frames { length: 6, hop: 3 };
        let mut frame = [0.0; 6];
        for index in 0..frames.count(clip.len()) {
            frames.write(&clip, index, &[1.0; 6], &mut frame);
            let expected: Vec<f32> = (0..6).map(|i| clip[mirrored(index * 3 + i, 3, 20)]).collect();
            assert_eq!(frame.as_slice(), expected, "frame {index}");
        }
    }
}

//! WAV and FLAC files → mono samples.

use std::io::Cursor;
use std::path::Path;

use super::rate;
use crate::error::Error;
use crate::input::sources::read_bounded;

/// Bytes of a file.
const FILE_LIMIT: u64 = 256 << 20;
/// Samples of a clip over all channels: 256 MiB of them.
const SAMPLE_LIMIT: usize = 1 << 26;
/// Frequencies of samples that are taken for meant.
const RATES: std::ops::RangeInclusive<u32> = 1000..=384_000;

/// A clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Samples per second.
    pub rate: u32,
    /// Samples in −1..1, the mean of all channels.
    pub samples: Vec<f32>,
}

/// Reads a clip: WAV with integers of 8, 16, 24 or 32 bits or with floats of 32, or FLAC, with any number of channels.
///
/// # Errors
/// When the file is missing, too large, empty, or no sound in WAV or FLAC.
pub fn decode(path: &Path) -> Result<Sound, Error> {
    let bytes = read_bounded(path, FILE_LIMIT)?;
    decode_bytes(&bytes).map_err(|error| {
        Error::usage(format!("{} can't be used as a sound", path.display()))
            .because(error.to_string())
            .note("WAV (8 to 32 bits, or floats of 32) and FLAC are read")
    })
}

impl Sound {
    /// The samples at another rate.
    ///
    /// # Errors
    /// When they can't be converted.
    pub fn at(self, rate: u32) -> Result<Vec<f32>, Error> {
        if self.rate == rate { Ok(self.samples) } else { rate::convert(&self.samples, self.rate, rate) }
    }
}

/// Why a file isn't a clip.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("it is neither WAV nor FLAC")]
    Format,
    #[error("WAV: {0}")]
    Wav(#[from] hound::Error),
    #[error("FLAC: {0}")]
    Flac(#[from] claxon::Error),
    #[error("{0} samples per second; from {low} to {high} can be used", low = RATES.start(), high = RATES.end())]
    Rate(u32),
    #[error("it has no samples")]
    Empty,
    #[error("it has more than {SAMPLE_LIMIT} samples")]
    Long,
}

fn decode_bytes(bytes: &[u8]) -> Result<Sound, Wrong> {
    let sound = match bytes.get(..4) {
        Some(b"RIFF") => wav(bytes)?,
        Some(b"fLaC") => flac(bytes)?,
        _ => return Err(Wrong::Format),
    };
    if !RATES.contains(&sound.rate) {
        return Err(Wrong::Rate(sound.rate));
    }
    if sound.samples.is_empty() { Err(Wrong::Empty) } else { Ok(sound) }
}

fn wav(bytes: &[u8]) -> Result<Sound, Wrong> {
    let mut reader = hound::WavReader::new(Cursor::new(bytes))?;
    let spec = reader.spec();
    let samples = match spec.sample_format {
        hound::SampleFormat::Float => mono(reader.samples::<f32>(), spec.channels.into())?,
        hound::SampleFormat::Int => {
            let whole = whole(spec.bits_per_sample.into());
            mono(reader.samples::<i32>().map(|sample| sample.map(&whole)), spec.channels.into())?
        }
    };
    Ok(Sound { rate: spec.sample_rate, samples })
}

fn flac(bytes: &[u8]) -> Result<Sound, Wrong> {
    let mut reader = claxon::FlacReader::new(Cursor::new(bytes))?;
    let info = reader.streaminfo();
    let whole = whole(info.bits_per_sample);
    let samples = mono(reader.samples().map(|sample| sample.map(&whole)), info.channels)?;
    Ok(Sound { rate: info.sample_rate, samples })
}

/// Integers of so many bits as numbers in −1..1.
#[expect(clippy::cast_possible_truncation, reason = "24 bits are kept, as in every f32 sample")]
fn whole(bits: u32) -> impl Fn(i32) -> f32 {
    let scale = 0.5_f64.powi(bits.clamp(1, 32).cast_signed() - 1);
    move |sample| (f64::from(sample) * scale) as f32
}

/// The mean of all channels, of whole frames only.
#[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
fn mono<E: Into<Wrong>>(samples: impl Iterator<Item = Result<f32, E>>, channels: u32) -> Result<Vec<f32>, Wrong> {
    let (mut mono, mut sum, mut inside) = (Vec::new(), 0.0, 0);
    for (index, sample) in samples.enumerate() {
        if index >= SAMPLE_LIMIT {
            return Err(Wrong::Long);
        }
        sum += sample.map_err(Into::into)?;
        inside += 1;
        if inside >= channels {
            mono.push(sum / inside as f32);
            (sum, inside) = (0.0, 0);
        }
    }
    Ok(mono)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WAV: &[u8] = include_bytes!("../../../tests/input_cases/sounds/stereo16.wav");
    const WIDE: &[u8] = include_bytes!("../../../tests/input_cases/sounds/extensible.wav");
    const FLAC: &[u8] = include_bytes!("../../../tests/input_cases/sounds/stereo24.flac");

    proptest! {
        #[test]
        fn broken_files_do_not_panic(which in 0_usize..3, at in 0_usize..4096, value: u8, cut in 0_usize..4096) {
            let mut bytes = [WAV, WIDE, FLAC][which].to_vec();
            // Headers are where lengths and counts stand.
            let at = at % bytes.len().min(160);
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut % (bytes.len() / 2));
            let _ = decode_bytes(&bytes);
        }
    }
}

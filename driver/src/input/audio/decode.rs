//! WAV and FLAC files → mono samples.

use std::io::Cursor;
use std::path::Path;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Refusal;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

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

/// Reads a clip: WAV with integers of 8 to 32 bits or floats, or FLAC, with any number of channels.
///
/// # Errors
/// When the file is missing, too large, empty, or no sound in WAV or FLAC.
pub fn decode(path: &Path) -> Result<Sound, Error> {
    let bytes = read_bounded(path, FILE_LIMIT)?;
    decode_bytes(bytes).map_err(|error| {
        Error::usage(format!("{} can't be used as a sound", path.display()))
            .because(error)
            .note("WAV (8 to 32 bits, or floats) and FLAC are read")
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
    #[error("it is neither WAV nor FLAC, or broken: {0}")]
    Format(Refusal),
    #[error("it has no track of sound")]
    Track,
    #[error("its encoding can't be read: {0}")]
    Codec(Refusal),
    #[error("it is broken: {0}")]
    Broken(Refusal),
    #[error("{0} samples per second; from {low} to {high} can be used", low = RATES.start(), high = RATES.end())]
    Rate(u32),
    #[error("it has no samples")]
    Empty,
    #[error("it has more than {SAMPLE_LIMIT} samples")]
    Long,
}

fn decode_bytes(bytes: Vec<u8>) -> Result<Sound, Wrong> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let mut reader =
        symphonia::default::get_probe().probe(&Hint::new(), stream, format, metadata).map_err(Wrong::Format)?;
    let track = reader.default_track(TrackType::Audio).ok_or(Wrong::Track)?;
    let id = track.id;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or(Wrong::Track)?;
    let rate = parameters.sample_rate.ok_or(Wrong::Track)?;
    if !RATES.contains(&rate) {
        return Err(Wrong::Rate(rate));
    }
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(Wrong::Codec)?;
    let samples = mono(&mut *reader, &mut *decoder, id)?;
    if samples.is_empty() { Err(Wrong::Empty) } else { Ok(Sound { rate, samples }) }
}

/// All packets of a track, the channels averaged.
#[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
fn mono(reader: &mut dyn FormatReader, decoder: &mut dyn AudioDecoder, id: u32) -> Result<Vec<f32>, Wrong> {
    let (mut samples, mut packet_samples) = (Vec::new(), Vec::<f32>::new());
    while let Some(packet) = reader.next_packet().map_err(Wrong::Broken)? {
        if packet.track_id != id {
            continue;
        }
        let decoded = decoder.decode(&packet).map_err(Wrong::Broken)?;
        let channels = decoded.spec().channels().count().max(1);
        packet_samples.resize(decoded.samples_interleaved(), 0.0);
        decoded.copy_to_slice_interleaved(&mut packet_samples);
        if samples.len() + packet_samples.len() > SAMPLE_LIMIT {
            return Err(Wrong::Long);
        }
        samples.extend(packet_samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32));
    }
    Ok(samples)
}

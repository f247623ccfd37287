//! Samples → features: what stands between a recording and the first layer of an audio model. Here is the form for the
//! CPU, and the graph of the form for GPUs.
//!
//! | module | from → to |
//! |---|---|
//! | [`settings`] | `preprocessor_config.json` → checked values |
//! | [`window`] | n → periodic Hann window |
//! | [`frames`] | samples → overlapping frames, the ends mirrored |
//! | [`spectrum`] | frame → complex or power spectrum |
//! | [`scale`] | Hertz ↔ mel |
//! | [`filters`] | power spectrum → mel bands |
//! | [`mel`] | samples → power in mel bands, frame by frame |
//! | [`logarithm`] | power → logarithm, many at once |
//! | [`cut`] | clips → the input of a front end on a GPU |
//! | [`clip`] | samples → samples of a given length |
//! | [`whisper`], [`clap`], [`wav2vec2`] | clips → the input tensors of a family |
//! | [`extractor`] | a family's settings → one of the three |
//!
//! Tables are made once per extractor, scratch memory once per clip; nothing is allocated per frame.
//! Everything is f32, tables are computed in f64: the form for GPUs is compared with this one.

pub mod clap;
pub mod clip;
pub mod cut;
pub mod extractor;
pub mod filters;
pub mod frames;
pub mod logarithm;
pub mod mel;
pub mod scale;
pub mod settings;
pub mod spectrum;
pub mod wav2vec2;
pub mod whisper;
pub mod window;

pub use clap::Clap;
pub use cut::Cut;
pub use extractor::Extractor;
pub use settings::Settings;
pub use wav2vec2::Wav2Vec2;
pub use whisper::Whisper;

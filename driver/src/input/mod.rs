//! Files → what goes into a model: sentences, images, sound and frames become named tensors.
//!
//! | module | from → to |
//! |---|---|
//! | [`sources`] | which files a user names, and which a model takes |
//! | [`calibration`] | a calibration set → the sources of its passes |
//! | [`text`] | sentences, or a seed → ids |
//! | [`image`] | PNG, JPEG → pixels, as Hugging Face's image processors prepare them |
//! | [`audio`] | WAV, FLAC → samples at a model's rate |
//! | [`frames`] | a folder of images → the frames of a clip |
//! | [`image_tokens`] | ids with one place for an image → one id per image feature |
//! | [`defaults`] | the published settings of a family, where a folder has none |
//! | [`model_folder`] | a model's JSON files, or the configuration of a preset |
//! | [`inputs`] | all of it: a model's folder and sources → tensors |
//!
//! Every file here is untrusted: it has a largest size, and what can't be read is an error with the file's name.

pub mod sources;

pub mod calibration;

pub mod text;

pub mod audio;
pub mod frames;
pub mod image;
pub mod image_tokens;

pub mod defaults;
pub mod inputs;
pub mod model_folder;

pub use inputs::{Inputs, inputs_for, media, prompt_length};
pub use model_folder::ModelFolder;
pub use sources::Sources;
pub use text::text_inputs;

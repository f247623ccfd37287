//! Parts that families share: each declares its weights under a path and writes its wiring into a graph.

mod attention;
mod clip;
mod conv_norm;
mod embedding;
mod encoder;
mod fusion;
mod head;
mod htsat;
mod linear;
mod norm;
mod patches;
mod sound;
mod swin;
mod transformer;
mod xclip;

pub use attention::SelfAttention;
pub use clip::{ClipText, ClipTextInputs, ClipVision, name_states};
pub use conv_norm::{BatchNorm, ConvNorm};
pub use embedding::TextEmbedding;
pub use encoder::{Encoder, EncoderShape, TextInputs};
pub use fusion::Fusion;
pub use head::{MaskedLm, SequenceHead, TokenHead};
pub use htsat::Htsat;
pub use linear::Linear;
pub use norm::LayerNorm;
pub use patches::{PatchShape, Patches};
pub use sound::{ConvPositions, WaveEncoder};
pub use swin::SwinStage;
pub use transformer::{Attention, LayerNames, LayerShape, TransformerLayer};
pub use xclip::{FrameMixer, FrameTower, Prompts};

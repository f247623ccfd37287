//! Parts that families share: each declares its weights under a path and writes its wiring into a graph.

mod attention;
mod clip;
mod conv_norm;
mod decoder;
mod embedding;
mod encoder;
mod head;
mod linear;
mod mlp;
mod norm;
mod patches;
mod projected;
mod relative;
mod rotary;
mod sound;
mod stack;
mod transformer;

pub use attention::SelfAttention;
pub use clip::{ClipText, ClipTextInputs, ClipVision, name_states};
pub use conv_norm::{BatchNorm, ConvNorm};
pub use decoder::{Decoder, DecoderInputs, DecoderShape, LanguageHead};
pub use embedding::TextEmbedding;
pub use encoder::{Encoder, EncoderShape, TextInputs};
pub use head::{MaskedLm, SequenceHead, TokenHead};
pub use linear::Linear;
pub use mlp::GatedMlp;
pub use norm::{LayerNorm, RmsNorm};
pub use patches::{PatchShape, Patches};
pub use projected::{Memory, ProjectedAttention, Within};
pub use relative::RelativeBias;
pub use rotary::Rotary;
pub use sound::{ConvPositions, WaveEncoder};
pub use stack::{Feed, Norm, Stack, StackLayer};
pub use transformer::{LayerNames, LayerShape, TransformerLayer};

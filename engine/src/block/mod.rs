//! Parts that families share: each declares its weights under a path and writes its wiring into a graph.

mod attention;
mod decoder;
mod embedding;
mod encoder;
mod head;
mod linear;
mod mlp;
mod norm;
mod projected;
mod relative;
mod rotary;
mod stack;

pub use attention::SelfAttention;
pub use decoder::{Decoder, DecoderInputs, DecoderShape, LanguageHead};
pub use embedding::TextEmbedding;
pub use encoder::{Encoder, EncoderShape, TextInputs};
pub use head::{MaskedLm, SequenceHead, TokenHead};
pub use linear::Linear;
pub use mlp::GatedMlp;
pub use norm::{LayerNorm, RmsNorm};
pub use projected::{Memory, ProjectedAttention, Within};
pub use relative::RelativeBias;
pub use rotary::Rotary;
pub use stack::{Feed, Norm, Stack, StackLayer};

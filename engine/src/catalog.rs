//! The names a user may write: model families and preset sizes.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are words in matrix files, tables and the protocol.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every value, in the order tables show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word a user writes.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// A model family.
    Family {
        /// BERT: Devlin et al. 2018.
        Bert = "bert",
        /// RoBERTa: Liu et al. 2019.
        Roberta = "roberta",
        /// GPT-2: Radford et al. 2019.
        Gpt2 = "gpt2",
        /// Llama 3.2: Grattafiori et al. 2024.
        Llama = "llama",
        /// Qwen2: Yang et al. 2024.
        Qwen2 = "qwen2",
        /// T5: Raffel et al. 2020.
        T5 = "t5",
        /// Whisper: Radford et al. 2022.
        Whisper = "whisper",
        /// LLaVA 1.5: Liu et al. 2023.
        Llava = "llava",
        /// LLaVA-NeXT: Liu et al. 2024.
        LlavaNext = "llava_next",
        /// ViT: Dosovitskiy et al. 2020.
        Vit = "vit",
        /// CLIP: Radford et al. 2021.
        Clip = "clip",
        /// ResNet: He et al. 2015.
        Resnet = "resnet",
        /// ConvNeXt: Liu et al. 2022.
        Convnext = "convnext",
        /// Wav2Vec2: Baevski et al. 2020.
        Wav2vec2 = "wav2vec2",
        /// X-CLIP: Ni et al. 2022.
        Xclip = "xclip",
        /// CLAP: Wu et al. 2022.
        Clap = "clap",
    }
}

words! {
    /// A preset's size.
    Size {
        /// Seconds on two CPU cores.
        Tiny = "tiny",
        /// A shortened stack of layers of the published widths.
        Small = "small",
        /// The published shape.
        Full = "full",
    }
}

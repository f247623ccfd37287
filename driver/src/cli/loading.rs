//! Flags that say how weights come to a device.

use clap::Args;

/// How weights come to a device, and which of them stay.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LoadingArgs {
    /// Weights in chunks, in the order of use, instead of whole files
    #[arg(long, visible_alias = "enable-progressive-loading")]
    progressive_loading: bool,
    /// Megabytes of a chunk: auto or a number
    #[arg(long, value_name = "MB")]
    chunk_mb: Option<String>,
}

impl LoadingArgs {
    /// The optimizations that are switched on.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        [(self.progressive_loading, "progressive_loading")].into_iter().filter(|(on, _)| *on).map(|(_, word)| word)
    }

    /// What is set: the optimization, the key, the text.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (String, String, String)> {
        let written = [("progressive_loading", "chunk_mb", self.chunk_mb.clone())];
        written.into_iter().filter_map(|(word, key, text)| Some((word.to_owned(), key.to_owned(), text?)))
    }
}

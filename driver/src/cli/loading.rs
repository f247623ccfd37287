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
    /// Components of a model side by side, fetched and made by workers
    #[arg(long, visible_alias = "enable-parallel-loading")]
    parallel_loading: bool,
    /// Workers of parallel loading: auto or a number
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// Weights come when they are used and go again, within a budget
    #[arg(long, visible_alias = "enable-streaming")]
    streaming: bool,
    /// Megabytes of everything that a model whose weights are streamed holds at once: auto or a number
    #[arg(long, value_name = "MB")]
    streaming_budget_mb: Option<String>,
    /// Weights that find no room on the device stay beside it and come when they are used
    #[arg(long, visible_alias = "enable-cpu-offload")]
    cpu_offload: bool,
    /// Megabytes on the device where weights are offloaded: auto or a number
    #[arg(long, value_name = "MB")]
    offload_budget_mb: Option<String>,
    /// Tensors that are never offloaded, as globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pin: Vec<String>,
}

impl LoadingArgs {
    /// The optimizations that are switched on.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        let switched = [
            (self.progressive_loading, "progressive_loading"),
            (self.parallel_loading, "parallel_loading"),
            (self.streaming, "streaming"),
            (self.cpu_offload, "cpu_offload"),
        ];
        switched.into_iter().filter(|(on, _)| *on).map(|(_, word)| word)
    }

    /// What is set: the optimization, the key, the text.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (String, String, String)> {
        let pin = Some(self.pin.join(",")).filter(|names| !names.is_empty());
        let written = [
            ("progressive_loading", "chunk_mb", self.chunk_mb.clone()),
            ("parallel_loading", "workers", self.workers.clone()),
            ("streaming", "budget_mb", self.streaming_budget_mb.clone()),
            ("cpu_offload", "budget_mb", self.offload_budget_mb.clone()),
            ("cpu_offload", "pin", pin),
        ];
        written.into_iter().filter_map(|(word, key, text)| Some((word.to_owned(), key.to_owned(), text?)))
    }
}

//! What can be typed to see what was recorded.

use std::path::PathBuf;

use clap::Args;

use crate::report::{Format, Kind, RowsFormat};

/// `matrix report`
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Which report
    #[arg(value_enum, default_value_t = Kind::WebOptimizations)]
    pub(crate) kind: Kind,
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Where to; standard output without it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Which run: its id, or 'latest'
    #[arg(long, value_name = "RUN", default_value = "latest")]
    pub(crate) run: String,
    /// Only one cell, in full: its id or the start of it
    #[arg(long, value_name = "ID")]
    pub(crate) cell: Option<String>,
    /// Folder of templates that replace the built-in ones
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

/// `matrix query`
#[derive(Args, Debug)]
pub(crate) struct QueryArgs {
    /// One SELECT; see ARCHITECTURE.md for tables and views
    #[arg(long, value_name = "SQL")]
    pub(crate) sql: String,
    /// In which form
    #[arg(long, value_enum, default_value_t = RowsFormat::Table)]
    pub(crate) format: RowsFormat,
}

/// `matrix recompute`
#[derive(Args, Debug)]
pub(crate) struct RecomputeArgs {
    /// Which run: its id, or 'latest'
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(crate) run: String,
    /// Every run of the store
    #[arg(long)]
    pub(crate) all: bool,
}

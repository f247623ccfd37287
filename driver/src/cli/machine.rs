//! What can be typed about browsers on this machine.

use clap::Args;

/// `matrix doctor`
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Only look; start no browser
    #[arg(long)]
    pub(crate) no_start: bool,
    /// Compile every kernel of the engine in each browser, and list what is rejected
    #[arg(long, conflicts_with = "no_start")]
    pub(crate) kernels: bool,
    /// Browsers: chrome, edge, firefox, safari; all of them without it
    #[arg(long, value_name = "BROWSER", value_delimiter = ',')]
    pub(crate) browser: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `matrix setup`
#[derive(Args, Debug)]
pub(crate) struct SetupArgs {
    /// Browsers to set up; all that exist on this system without it
    #[arg(long, value_name = "BROWSER", value_delimiter = ',')]
    pub(crate) browser: Vec<String>,
    /// Run the commands without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only print the commands
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

//! `matrix completions`: a shell's script.

use crate::cli::CompletionsArgs;
use crate::error::{Error, ExitCode};

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, command: &mut clap::Command) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "matrix", &mut script);
    super::print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::Ok)
}

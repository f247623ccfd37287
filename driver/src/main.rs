//! The binary: reads the command line, does what it says, prints the error, ends with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    matrix_driver::cli::main().into()
}

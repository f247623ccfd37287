//! `matrix merge`: the parts of a sharded run, put together.

use std::path::Path;

use super::print;
use crate::cli::{Global, MergeArgs};
use crate::compare::merge;
use crate::error::{Error, ExitCode};

/// Merges, and ends as the whole run would have.
pub(crate) fn run(_: &Global, args: &MergeArgs) -> Result<ExitCode, Error> {
    let parts: Vec<(&Path, Option<&str>)> = args
        .parts
        .iter()
        .map(|text| match text.rsplit_once(':') {
            Some((file, run)) if !Path::new(text).is_file() && Path::new(file).is_file() => {
                (Path::new(file), Some(run))
            }
            _ => (Path::new(text.as_str()), None),
        })
        .collect();
    let merged = merge(&parts, &args.into)?;
    let cells: Vec<String> = merged.cells.iter().map(|(status, count)| format!("{count} {status}")).collect();
    print(&format!("{}: {} runs, {}", merged.run, merged.runs, cells.join(", ")));
    if merged.doubled > 0 {
        print(&format!("{} cells were in several parts; the part that got further counts", merged.doubled));
    }
    Ok(if merged.failed { ExitCode::Failed } else { ExitCode::Ok })
}

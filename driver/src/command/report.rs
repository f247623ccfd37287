//! `matrix report`: what a run recorded, in any form.

use std::path::Path;

use super::print;
use crate::cli::{Global, ReportArgs};
use crate::error::{Error, ExitCode};
use crate::report::{View, render};
use crate::store::{Access, Store};

/// Renders a report to standard output or into a file.
pub(crate) fn run(global: &Global, args: &ReportArgs) -> Result<ExitCode, Error> {
    let store = Store::open(&global.db, Access::Read)?;
    let view = View::read(&store, &store.run(Some(&args.run))?)?;
    let view = match &args.cell {
        Some(cell) => view.only(cell)?,
        None => view,
    };
    let text = render(&view, args.kind, args.format, global.look(), args.templates.as_deref())?;
    match &args.output {
        Some(file) => write(file, &text)?,
        None => print(&text),
    }
    Ok(ExitCode::Ok)
}

/// Writes a report; its folder is made when it is missing.
pub(super) fn write(file: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(file, content))
        .map_err(|error| Error::environment(format!("cannot write {}: {error}", file.display())))
}

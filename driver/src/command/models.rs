//! `matrix models`: what can be run.

use std::path::Path;

use matrix_engine::catalog::{Family, Size};
use matrix_engine::host::{Host, Inspection};
use matrix_engine::protocol::ModelSource;

use super::print;
use crate::cli::{ModelsAction, ModelsArgs};
use crate::error::{Error, ExitCode};
use crate::measure::Metric;

/// Lists presets, or looks into a folder.
pub(crate) async fn run(args: &ModelsArgs) -> Result<ExitCode, Error> {
    match &args.action {
        None => list().await?,
        Some(ModelsAction::Inspect { folder }) => inspect(folder).await?,
    }
    Ok(ExitCode::Ok)
}

async fn list() -> Result<(), Error> {
    let mut table = super::table(["preset", "architecture", "parameters", "f32", "f16 file", "int4"]);
    for &family in Family::ALL {
        for &size in Size::ALL {
            let source = ModelSource::Synthetic { family, size, seed: 0 };
            let found = Host::new("").inspect(source).await;
            let found =
                found.map_err(|error| Error::internal(format!("{}-{}: {error}", family.name(), size.name())))?;
            table.add_row(row(format!("{}-{}", family.name(), size.name()), &found));
        }
    }
    print(&format!("{table}\npresets have published shapes and synthetic weights; real ones: matrix weights list"));
    Ok(())
}

async fn inspect(folder: &Path) -> Result<(), Error> {
    let source = ModelSource::Folder { at: folder.to_string_lossy().into_owned() };
    let found = Host::new("").inspect(source).await;
    let found = found.map_err(|error| Error::usage(format!("this folder can't be run: {error}")))?;
    let mut table = super::table(["folder", "architecture", "parameters", "f32", "f16 file", "int4"]);
    table.add_row(row(folder.display().to_string(), &found));
    print(&format!("{table}\n{} tensors, all there, with the shapes config.json says", found.tensors));
    Ok(())
}

fn row(name: String, found: &Inspection) -> [String; 6] {
    #[expect(clippy::cast_precision_loss, reason = "bytes of a model stay far below 2^53")]
    let bytes = |bytes: u64| Metric::named("weight_bytes").show(bytes as f64);
    let parameters = count(found.parameters);
    let file = bytes(2 * found.parameters);
    [name, found.architecture.into(), parameters, bytes(found.f32_bytes), file, bytes(found.int4_bytes)]
}

/// `124.4 M`
fn count(parameters: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "parameters of a model stay far below 2^53")]
    let parameters = parameters as f64;
    match parameters {
        count if count >= 1e9 => format!("{:.2} B", count / 1e9),
        count if count >= 1e6 => format!("{:.1} M", count / 1e6),
        count => format!("{:.0} k", count / 1e3),
    }
}

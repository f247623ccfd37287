//! `matrix analyze`: a run made for one question, and told by it.

use std::path::Path;

use super::{kv_quality, print, quantization, report, run};
use crate::cli::{AnalyzeAction, AnalyzeArgs, Global, Shown, SubjectArgs};
use crate::error::{Error, ExitCode};
use crate::plan::Plan;
use crate::report::{Analysis, Kind, picture};
use crate::run::event::RunStatus;
use crate::store::{Access, RunRow, Store};

/// Measures, and tells what was asked.
pub(crate) async fn run(global: &Global, args: &AnalyzeArgs) -> Result<ExitCode, Error> {
    match &args.action {
        AnalyzeAction::Memory(args) => memory(global, &args.subject, &args.combinations).await,
        AnalyzeAction::MemoryUsage(args) => memory(global, &args.subject, "each").await,
        AnalyzeAction::Quantization(args) => quantization::by_bits(global, args).await,
        AnalyzeAction::Int4(args) => quantization::int4(global, args).await,
        AnalyzeAction::KvCache(args) => kv_quality::run(global, args).await,
    }
}

/// Measures memory and tells it.
async fn memory(global: &Global, subject: &SubjectArgs, combinations: &str) -> Result<ExitCode, Error> {
    let mut run = subject.run().map_err(|error| Error::internal(error.to_string()))?;
    run.combinations = Some(combinations.to_owned());
    let spec = run::spec(&run, &subject.optimizations)?;
    let kinds: &[Kind] = if subject.output == Shown::Html { &[] } else { &[Kind::Memory] };
    run::perform(global, &run, &spec, kinds).await
}

/// Records a plan, reads the answer from the store, and draws it in the form that the file's name asks for.
pub(super) async fn answer(
    global: &Global,
    plan: &Plan,
    mock: Option<&str>,
    output: &Path,
    read: impl Fn(&Store, &RunRow) -> Result<Analysis, Error>,
) -> Result<ExitCode, Error> {
    let shown = Drawn::of(output)?;
    let (id, status) = run::record(global, plan, mock).await?;
    let store = Store::open(&global.db, Access::Read)?;
    let analysis = read(&store, &store.run(Some(&id))?)?;
    analysis.findings().iter().for_each(|finding| print(finding));
    match shown {
        Drawn::Page => report::write(output, analysis.html(None)?)?,
        Drawn::Drawing => report::write(output, analysis.svg())?,
        Drawn::Picture => report::write(output, picture(&analysis.svg())?)?,
    }
    print(&format!("{}: {}", plan.name, output.display()));
    let code = run::ended(&store, &run::Held::default(), &id)?;
    Ok(if status == RunStatus::Interrupted { ExitCode::Interrupted } else { code })
}

/// What a file holds, by the end of its name.
enum Drawn {
    Page,
    Drawing,
    Picture,
}

impl Drawn {
    fn of(output: &Path) -> Result<Self, Error> {
        match output.extension().and_then(|kind| kind.to_str()) {
            Some("html" | "htm") => Ok(Self::Page),
            Some("svg") => Ok(Self::Drawing),
            Some("png") => Ok(Self::Picture),
            _ => Err(Error::usage(format!("{} is no kind of file that can be drawn", output.display()))
                .note("allowed: .png, .svg, .html")),
        }
    }
}

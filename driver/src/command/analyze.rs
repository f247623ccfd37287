//! `matrix analyze`: a run made for one question, and told by it.

use super::run;
use crate::cli::{AnalyzeAction, AnalyzeArgs, Global, Shown};
use crate::error::{Error, ExitCode};
use crate::report::Kind;

/// Measures memory and tells it.
pub(crate) async fn run(global: &Global, args: &AnalyzeArgs) -> Result<ExitCode, Error> {
    let (subject, combinations) = match &args.action {
        AnalyzeAction::Memory(args) => (&args.subject, args.combinations.as_str()),
        AnalyzeAction::MemoryUsage(args) => (&args.subject, "each"),
    };
    let mut run = subject.run().map_err(|error| Error::internal(error.to_string()))?;
    run.combinations = Some(combinations.to_owned());
    let spec = run::spec(&run, &subject.optimizations)?;
    let kinds: &[Kind] = if subject.output == Shown::Html { &[] } else { &[Kind::Memory] };
    run::perform(global, &run, &spec, kinds).await
}

//! `matrix run`: plan, run, record, print the table, write the report.

use std::collections::BTreeSet;
use std::path::PathBuf;

use matrix_engine::host::Host;
use matrix_engine::protocol::ModelSource;

use super::{print, report, say, setup, signal};
use crate::browser::{self, BrowserId};
use crate::cli::{Global, RunArgs};
use crate::compare::{Side, Standing, failed, standing};
use crate::error::{Error, ExitCode};
use crate::input::calibration::CalibrationSet;
use crate::input::sources::{Medium, Sources};
use crate::page::{Server, engine_hash};
use crate::plan::{Cell, Filter, Model, Plan, Shard, Weights};
use crate::report::{Format, Kind, View, render};
use crate::run::event::{RunInfo, RunStatus};
use crate::run::listener::Listeners;
use crate::run::{Runner, described};
use crate::session::{LaunchSettings, Launcher, MockLauncher, Sessions};
use crate::spec::{Flags, Gate, Known, LAST_GREEN, OPTIMIZATIONS, Rule, Spec};
use crate::store::{Access, Recorder, Store};
use crate::terminal::Terminal;
use crate::weights;

/// Runs a matrix.
pub(crate) async fn run(global: &Global, args: &RunArgs) -> Result<ExitCode, Error> {
    perform(global, args, &spec(args, &[])?, &[Kind::Compat, Kind::WebOptimizations]).await
}

/// Runs what is specified and tells it by these reports.
pub(super) async fn perform(global: &Global, args: &RunArgs, spec: &Spec, told: &[Kind]) -> Result<ExitCode, Error> {
    let only = args.only.as_deref().map(str::parse::<Filter>).transpose()?;
    let shard = args.shard.as_deref().map(str::parse::<Shard>).transpose()?;
    let plan = Plan::new(spec, only.as_ref(), shard)?;
    if args.dry_run {
        print(&dry_run(spec, &plan));
        return Ok(ExitCode::Ok);
    }
    let held = Held::of(global, spec)?;
    let sessions = sessions(args.mock.as_deref(), args.headed)?;
    if args.install {
        install(&plan).await?;
    }
    if args.mock.is_none() {
        check_browsers(&plan).await?;
    }
    check_models(&plan).await?;
    check_media(&plan)?;
    check_calibration(&plan)?;
    let (info, planned, open) = match &args.resume {
        Some(wanted) => resumed(global, wanted, &plan)?,
        None => (started(&plan), plan.cells.clone(), plan.cells.clone()),
    };
    let id = info.id.clone();
    let status = follow(global, args.port, sessions.as_ref(), info, &planned, &open).await?;
    conclude(global, args, &held, told, &id, status)
}

/// Records a run that answers one question; gives its id and how it ended.
pub(super) async fn record(global: &Global, plan: &Plan, mock: Option<&str>) -> Result<(String, RunStatus), Error> {
    let sessions = sessions(mock, false)?;
    if mock.is_none() {
        check_browsers(plan).await?;
    }
    check_models(plan).await?;
    let info = started(plan);
    let id = info.id.clone();
    Ok((id, follow(global, 0, sessions.as_ref(), info, &plan.cells, &plan.cells).await?))
}

/// Works through cells, with store and terminal listening.
async fn follow(
    global: &Global,
    port: u16,
    sessions: &dyn Sessions,
    info: RunInfo,
    planned: &[Cell],
    open: &[Cell],
) -> Result<RunStatus, Error> {
    let server = Server::start(port).await?;
    let recorder = Recorder::open(&global.db)?;
    let terminal = Terminal::new(global.quiet, global.verbose > 0, global.colour(true));
    let listeners = Listeners::new(vec![Box::new(recorder), Box::new(terminal)]);
    let runner = Runner { sessions, server: &server, listeners, stop: signal::stop_when_asked() };
    runner.run(info, planned, &open.iter().collect::<Vec<_>>()).await
}

/// What the run is held against when it is over.
#[derive(Default)]
pub(super) struct Held {
    gate: Option<Gate>,
    known: Vec<Known>,
}

impl Held {
    /// A file of known outcomes that can't be read, or a run that is not there, is told before anything runs.
    fn of(global: &Global, spec: &Spec) -> Result<Self, Error> {
        let known = spec.expectations.as_deref().map(Known::read_file).transpose()?.unwrap_or_default();
        let mut gate = spec.gate.clone();
        if let Some(gate) = gate.as_mut().filter(|gate| gate.against != LAST_GREEN) {
            // By its id: `latest` will mean another run then.
            let side = Side::open(&global.db, &gate.against)?;
            gate.against = format!("{}:{}", side.store.path().display(), side.run.info.id);
        }
        Ok(Self { gate, known })
    }
}

/// What the user wants: the file, with the flags over it and the environment under it. `words` are optimizations that
/// are switched on besides.
pub(super) fn spec(args: &RunArgs, words: &[String]) -> Result<Spec, Error> {
    let asked = words;
    let mut settings = Vec::new();
    // Without `--quantization` they are for whatever a file names.
    let words = args.quantization.map_or(vec!["int4", "int8"], |quantization| vec![quantization.word()]);
    let entries = (!args.calibration_set.is_empty()).then(|| args.calibration_set.join("\n"));
    for word in words {
        let mut set = |key: &str, text: String| settings.push((word.to_owned(), key.to_owned(), text));
        let texts = [
            ("group_size", &args.group_size),
            ("scheme", &args.scheme),
            ("calibration", &args.calibration),
            ("activations", &args.activations),
        ];
        for (key, text) in texts.into_iter().chain([("calibration_set", &entries)]) {
            text.iter().for_each(|text| set(key, text.clone()));
        }
        if !args.skip_names.is_empty() {
            set("skip_names", args.skip_names.join(","));
        }
        // With 8 bits for all there are none to raise; asked for by name, that is said.
        if !args.high_bits_names.is_empty() && (word == "int4" || args.quantization.is_some()) {
            set("high_bits_names", args.high_bits_names.join(","));
        }
    }
    for (key, text) in [("block_size", &args.block_size), ("precision", &args.attention_precision)] {
        settings.extend(text.clone().map(|text| ("flash_attention".to_owned(), key.to_owned(), text)));
    }
    let kv = [
        ("bits", &args.kv_bits),
        ("window", &args.kv_window),
        ("sinks", &args.kv_sinks),
        ("prune.policy", &args.kv_prune),
        ("prune.keep", &args.kv_keep),
    ];
    let written = |(key, text): (&str, &Option<String>)| Some(("kv_cache".to_owned(), key.to_owned(), text.clone()?));
    settings.extend(kv.into_iter().filter_map(written));
    settings.extend(args.loading.settings());
    let mut optimizations: Vec<String> = args.quantization.iter().map(|bits| bits.word().to_owned()).collect();
    let switched = [
        (args.flash_attention, "flash_attention"),
        (args.kv_cache, "kv_cache"),
        (args.compute_shaders, "compute_shaders"),
        (args.shader_precompile, "shader_precompile"),
    ];
    optimizations.extend(switched.iter().filter(|(on, _)| *on).map(|(_, word)| (*word).to_owned()));
    optimizations.extend(args.loading.words().map(str::to_owned));
    optimizations.extend(asked.iter().cloned());
    if args.all_optimizations {
        optimizations = OPTIMIZATIONS.iter().map(|optimization| optimization.word.to_owned()).collect();
    }
    let flags = Flags {
        browsers: args.browser.clone(),
        platforms: args.platform.clone(),
        models: args.model.clone(),
        optimizations,
        settings,
        // What is asked for all at once is measured all at once.
        combinations: args
            .combinations
            .clone()
            .or_else(|| args.all_optimizations.then(|| Rule::Together.name().to_owned())),
        scenario: args.scenario.scenario(),
        min_samples: args.min_samples,
        max_samples: args.max_samples,
        budget_s: args.budget,
        pages: args.pages,
        strict: args.strict,
        memory_profile: args.memory_profile,
        fresh_profile: args.fresh_profile,
        trace: args.trace,
        gate: args.gate.clone(),
        expectations: args.expectations.clone(),
        ..Flags::default()
    };
    let lookup = |name: &str| std::env::var(name).ok();
    match &args.file {
        Some(file) => Spec::read(file, &flags, lookup),
        None => Spec::from_flags(&flags, lookup),
    }
}

/// The cells, and every value with where it came from.
fn dry_run(spec: &Spec, plan: &Plan) -> String {
    let mut cells = super::table(["cell", "browser", "platform", "model", "optimization"]);
    for cell in &plan.cells {
        let model = if cell.model.is_synthetic() {
            format!("{} (synthetic)", cell.model.name)
        } else {
            cell.model.name.clone()
        };
        let words = [&cell.id, cell.browser.name(), cell.platform.name(), &model, &cell.treated()].map(str::to_owned);
        cells.add_row(words);
    }
    let mut values = super::table(["value", "is", "from"]);
    for sourced in &spec.origins {
        values.add_row([&sourced.key, &sourced.value, &sourced.origin.to_string()]);
    }
    format!("{}: {} cells, matrix {}\n{cells}\n{values}", plan.name, plan.cells.len(), plan.matrix_hash)
}

fn sessions(mock: Option<&str>, headed: bool) -> Result<Box<dyn Sessions>, Error> {
    Ok(match mock {
        Some(script) => Box::new(script.parse::<MockLauncher>().map_err(Error::usage)?),
        None => Box::new(Launcher { settings: LaunchSettings { headed } }),
    })
}

/// The browsers of a plan, each once.
fn browsers_of(plan: &Plan) -> Vec<BrowserId> {
    BrowserId::ALL.into_iter().filter(|id| plan.cells.iter().any(|cell| cell.browser == *id)).collect()
}

/// Brings the browsers and the weights of a plan.
async fn install(plan: &Plan) -> Result<(), Error> {
    setup::install(&browsers_of(plan), true).await?;
    for named in weights::NAMED {
        let is_used = |cell: &Cell| matches!(&cell.model.weights, Weights::Named { name } if name == named.name);
        if plan.cells.iter().any(is_used) && weights::folder_of(named).is_none() {
            say(&format!("fetching {named}"));
            weights::fetch(named).await?;
        }
    }
    Ok(())
}

/// A machine without any browser of the plan needs help, not a table full of gaps.
async fn check_browsers(plan: &Plan) -> Result<(), Error> {
    let mut missing = Vec::new();
    for id in browsers_of(plan) {
        if id == BrowserId::Native {
            return Ok(());
        }
        match browser::find(id).await {
            Ok(_) => return Ok(()),
            Err(reason) => missing.push(reason),
        }
    }
    let error = Error::environment("no browser of this matrix is on this machine");
    Err(missing.iter().fold(error, |error, missing| match missing.remedy.as_str() {
        "" => error.note(missing.reason.clone()),
        remedy => error.note(format!("{}; {remedy}", missing.reason)),
    }))
}

/// Folders that can't be loaded are told before any browser starts.
async fn check_models(plan: &Plan) -> Result<(), Error> {
    let mut checked: Vec<&Model> = Vec::new();
    for model in plan.cells.iter().map(|cell| &cell.model) {
        if checked.contains(&model) {
            continue;
        }
        checked.push(model);
        if let Weights::Folder { path } = &model.weights {
            let source = ModelSource::Folder { at: path.to_string_lossy().into_owned() };
            let usable = Host::new("").inspect(source).await;
            usable.map_err(|error| Error::usage(format!("the model `{}` can't be used: {error}", model.name)))?;
        }
    }
    Ok(())
}

/// So are files to look at or to hear that are missing, or that no model takes.
fn check_media(plan: &Plan) -> Result<(), Error> {
    let Some(cell) = plan.cells.first() else { return Ok(()) };
    let sources = Sources::from(&cell.scenario);
    for medium in Medium::FILES {
        let Some(path) = sources.path(medium) else { continue };
        if !path.exists() {
            let hint = "files of a scenario are found from the folder in which matrix is started";
            return Err(Error::usage(format!("there is no {medium} at {}", path.display())).hint(hint));
        }
        let mut models = plan.cells.iter().map(|cell| &cell.model);
        if !models.any(|model| described(model).is_ok_and(|folder| folder.takes(medium))) {
            return Err(Error::usage(format!("no model of this matrix takes {}", medium.described()))
                .note(format!("the scenario names {}", path.display())));
        }
    }
    Ok(())
}

/// So are calibration sets that can't be read.
fn check_calibration(plan: &Plan) -> Result<(), Error> {
    let sets = plan.cells.iter().filter_map(|cell| cell.treatment.integer.as_ref()).map(|it| &it.calibration_set);
    for set in sets.collect::<BTreeSet<_>>() {
        CalibrationSet::read(set).map_err(|error| error.note("`calibration_set` names it"))?;
    }
    Ok(())
}

fn started(plan: &Plan) -> RunInfo {
    let now = jiff::Timestamp::now();
    // Sorts by time; the last part tells runs of one second apart.
    let id = format!("{}-{:03}", now.strftime("%Y%m%d-%H%M%S"), now.subsec_millisecond());
    RunInfo {
        id,
        name: plan.name.clone(),
        started_at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        matrix_hash: plan.matrix_hash.clone(),
        engine_hash: engine_hash().into(),
    }
}

/// An interrupted run, its plan, and the cells that are still to do.
fn resumed(global: &Global, wanted: &str, plan: &Plan) -> Result<(RunInfo, Vec<Cell>, Vec<Cell>), Error> {
    let store = Store::open(&global.db, Access::Read)?;
    let run = store.run(Some(wanted))?;
    if run.info.matrix_hash != plan.matrix_hash {
        return Err(Error::usage(format!("run {} is of another matrix", run.info.id))
            .note(format!("its matrix is {}, this one is {}", run.info.matrix_hash, plan.matrix_hash))
            .hint("resume with the same file and flags"));
    }
    if run.info.engine_hash != engine_hash() {
        return Err(Error::inconclusive(format!("run {} measured another engine", run.info.id))
            .hint("numbers of two engines can't be one run; start a new one"));
    }
    // Sampling and patience are those of now; what is computed is the same, as the ids say.
    let left: Vec<String> = store.outstanding(&run.info.id)?.into_iter().map(|cell| cell.id).collect();
    let open: Vec<Cell> = plan.cells.iter().filter(|cell| left.contains(&cell.id)).cloned().collect();
    if open.is_empty() {
        return Err(Error::nothing_to_run(format!("run {} has no cell left to do", run.info.id)));
    }
    Ok((run.info, plan.cells.clone(), open))
}

/// Prints the table, writes the report, says how the run went.
fn conclude(
    global: &Global,
    args: &RunArgs,
    held: &Held,
    told: &[Kind],
    id: &str,
    status: RunStatus,
) -> Result<ExitCode, Error> {
    let store = Store::open(&global.db, Access::Read)?;
    let run = store.run(Some(id))?;
    let file: PathBuf = args.output_dir.join(format!("{id}.html"));
    let view = View::read(&store, &run)?;
    for kind in told {
        print(&render(&view, *kind, Format::Table, global.look(), None)?);
    }
    report::write(
        &file,
        &render(&view, Kind::WebOptimizations, Format::Html, global.look(), args.templates.as_deref())?,
    )?;
    print(&format!("report: {}", file.display()));
    if status == RunStatus::Interrupted {
        say(&format!("go on with: matrix run … --resume {id}"));
        return Ok(ExitCode::Interrupted);
    }
    let code = ended(&store, held, id)?;
    let gate =
        held.gate.as_ref().map(|gate| super::gate::conclude(global, gate, held.known.clone(), id)).transpose()?;
    // What failed says more than what got slower.
    Ok(gate.filter(|_| code == ExitCode::Ok).unwrap_or(code))
}

/// How the cells ended, given what is known of them; says what is not as is known.
pub(super) fn ended(store: &Store, held: &Held, id: &str) -> Result<ExitCode, Error> {
    let environments = store.environments(id)?;
    let (mut failures, mut any_done) = (false, false);
    for row in store.cells(id)? {
        let environment = row.environment.as_ref().and_then(|id| environments.get(id));
        let standing = standing(&held.known, &row.cell, row.status, environment);
        if let Some(remark) = standing.remark(&row.cell) {
            say(&remark);
        }
        failures |= failed(&held.known, &row, environment);
        any_done |= !matches!(standing, Standing::NotRun | Standing::Unexpected);
    }
    Ok(match (failures, any_done) {
        (true, _) => ExitCode::Failed,
        (false, true) => ExitCode::Ok,
        (false, false) => ExitCode::Environment,
    })
}

//! The engine in a child process of its own: no browser, the same steps.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use matrix_engine::protocol::Measure;

use super::process::{Processes, broken};
use super::{Address, Facts, Session, SessionError};

/// The hidden subcommand that turns this program into a host.
pub(crate) const SUBCOMMAND: &str = "host";
const NAME: &str = "host";

pub(super) struct Native {
    program: PathBuf,
    processes: Processes,
    facts: Facts,
}

impl Native {
    pub(super) fn new() -> Result<Self, SessionError> {
        let program =
            std::env::current_exe().map_err(|error| broken(format!("this program can't be found: {error}")))?;
        let facts = Facts {
            product: "matrix engine".into(),
            browser_version: env!("CARGO_PKG_VERSION").into(),
            driver: "none".into(),
            ..Facts::default()
        };
        Ok(Self { program, processes: Processes::new()?, facts })
    }
}

impl Session for Native {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open<'a>(&'a mut self, address: &'a Address) -> BoxFuture<'a, Result<(), SessionError>> {
        Box::pin(async {
            let started = Instant::now();
            self.processes.kill();
            let arguments = [SUBCOMMAND.to_owned(), address.host.clone()];
            self.processes.start(NAME, &self.program, &arguments, &[])?;
            self.facts.session_ms = started.elapsed().as_secs_f64() * 1000.0;
            (self.facts.process_ids, self.facts.command_line) = self.processes.running(&self.program);
            Ok(())
        })
    }

    fn restart(&mut self) -> BoxFuture<'_, Result<(), SessionError>> {
        // Every host is a new process that keeps nothing.
        Box::pin(async { Ok(()) })
    }

    fn memory(&mut self, _on_gpu: bool) -> BoxFuture<'_, Vec<Measure>> {
        let measures = self.processes.memory();
        Box::pin(async move { measures })
    }

    fn other_browsers(&self) -> Vec<String> {
        self.processes.other_browsers()
    }

    fn cpu_time(&self) -> Option<Duration> {
        self.processes.cpu_time()
    }

    fn evidence(&mut self) -> BoxFuture<'_, Vec<(&'static str, Vec<u8>)>> {
        let log = self.processes.log(NAME).into_bytes();
        Box::pin(async move { vec![("driver-log", log)] })
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.processes.kill() })
    }
}

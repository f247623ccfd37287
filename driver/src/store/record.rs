//! The listener that writes every event.

use std::path::Path;

use super::database::{Access, Store};
use super::write::{Sampled, Writer};
use crate::error::{Error, Result};
use crate::run::event::Event;
use crate::run::listener::Listener;

/// Writes events. Those told together are one transaction: a process killed at any moment leaves whole events behind,
/// and whole blocks.
pub struct Recorder {
    store: Store,
    run: Option<String>,
    sampled: Option<Sampled>,
    clock: Box<dyn Fn() -> String + Send>,
}

impl Recorder {
    /// Opens the store at `path` to record into it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Self::with_clock(path, || jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    }

    /// The same with another source of the present time.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn with_clock(path: &Path, clock: impl Fn() -> String + Send + 'static) -> Result<Self> {
        Ok(Self { store: Store::open(path, Access::Write)?, run: None, sampled: None, clock: Box::new(clock) })
    }

    /// Records one event.
    ///
    /// # Errors
    /// When nothing could be written, or the event does not fit those before it.
    pub fn record(&mut self, event: &Event) -> Result<()> {
        self.record_all(std::slice::from_ref(event))
    }

    /// Records several events in one transaction: all of them or none.
    ///
    /// # Errors
    /// When nothing could be written, or an event does not fit those before it.
    pub fn record_all(&mut self, events: &[Event]) -> Result<()> {
        let mut run = self.run.clone();
        // Rows found inside a transaction that fails may not exist after it.
        let mut sampled = self.sampled.take();
        let written = self.store.connection.transaction().map_err(Into::into).and_then(|transaction| {
            for event in events {
                if let Event::RunStarted { run: info, .. } = event {
                    run = Some(info.id.clone());
                }
                let run = run.as_deref().ok_or_else(|| Unfit("an event before its run".into()))?;
                // Samples are told by the thousand and have no date of their own.
                let now = if matches!(event, Event::Sampled { .. }) { String::new() } else { (self.clock)() };
                Writer { connection: &transaction, run, now, sampled: &mut sampled }.write(event)?;
            }
            Ok(transaction.commit()?)
        });
        written.map_err(|failure| match failure {
            Failure::Sqlite(cause) => self.store.failed("write to", cause),
            Unfit(what) => Error::internal(format!("the store was given {what}")),
        })?;
        self.run = run;
        self.sampled = sampled;
        Ok(())
    }

    /// The store, to read what was recorded.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Why an event was not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite said so.
    Sqlite(rusqlite::Error),
    /// It does not fit the events before it.
    Unfit(String),
}
pub(super) use Failure::Unfit;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Unfit(format!("something that is no JSON: {error}"))
    }
}

impl Listener for Recorder {
    fn hear(&mut self, events: &[Event]) -> Result<()> {
        self.record_all(events)
    }
}

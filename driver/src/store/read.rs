//! What was recorded, as typed rows.

use std::collections::BTreeMap;

use matrix_engine::protocol::Traced;
use rusqlite::{OptionalExtension as _, Row, params};

use super::database::Store;
use crate::error::{Error, Result};
use crate::measure::{Effect, Interval, Stop, Verdict};
use crate::plan::Cell;
use crate::run::environment::Environment;
use crate::run::event::{Arm, RunInfo, RunStatus, Status};

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its identity.
    pub info: RunInfo,
    /// When it ended.
    pub finished_at: Option<String>,
    /// How it stands.
    pub status: RunStatus,
}

/// A cell of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct CellRow {
    /// Its row.
    pub id: i64,
    /// What was planned.
    pub cell: Cell,
    /// Where it last ran.
    pub environment: Option<String>,
    /// Its final status, if it has one.
    pub status: Option<Status>,
    /// Why.
    pub reason: String,
}

/// An attempt at a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    /// 1, 2, …
    pub number: u32,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How it went.
    pub outcome: Option<Status>,
    /// Why.
    pub reason: String,
    /// Why sampling ended, and after how many blocks.
    pub stopped: Option<(Stop, u32)>,
}

/// A sample of a cell's last attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRow {
    /// Which arm.
    pub arm: Arm,
    /// Which block.
    pub block: u32,
    /// Which metric.
    pub metric: String,
    /// The number; none when it was not finite.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Whether it counts.
    pub valid: bool,
}

/// By how much a metric of a cell is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Improvement {
    /// The words of the optimizations, joined by `+`.
    pub optimization: String,
    /// Which metric.
    pub metric: String,
    /// In percent; positive is better.
    pub percent: f64,
    /// How the cell ended.
    pub status: Status,
}

/// Something that was said about a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// When.
    pub at: String,
    /// `error`, `warn`, `info`.
    pub level: String,
    /// Untrusted text.
    pub text: String,
}

/// Evidence kept of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRow {
    /// sha256 of the bytes.
    pub hash: String,
    /// What it is.
    pub kind: String,
    /// How large it is.
    pub bytes: u64,
}

impl Store {
    /// Every run, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn runs(&self) -> Result<Vec<RunRow>> {
        self.select(
            "SELECT id, name, started_at, finished_at, matrix_hash, engine_hash, status FROM run ORDER BY started_at DESC, id DESC",
            [],
            |row| {
                Ok(RunRow {
                    info: RunInfo {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        started_at: row.get(2)?,
                        matrix_hash: row.get(4)?,
                        engine_hash: row.get(5)?,
                    },
                    finished_at: row.get(3)?,
                    status: word(row, 6, &RUN_STATUSES, RunStatus::name)?,
                })
            },
        )
    }

    /// The run that `wanted` names by its id or the start of it; the newest when nothing is wanted.
    ///
    /// # Errors
    /// When there is no such run, or several.
    pub fn run(&self, wanted: Option<&str>) -> Result<RunRow> {
        let runs = self.runs()?;
        let newest = runs.first().cloned();
        let Some(wanted) = wanted.filter(|wanted| *wanted != "latest") else {
            return newest.ok_or_else(|| {
                Error::nothing_to_run(format!("no run is recorded in {}", self.path().display()))
                    .hint("`matrix run` makes one")
            });
        };
        if let Some(exact) = runs.iter().find(|run| run.info.id == wanted) {
            return Ok(exact.clone());
        }
        let mut near = runs.iter().filter(|run| run.info.id.starts_with(wanted));
        match (near.next(), near.next()) {
            (Some(run), None) => Ok(run.clone()),
            (Some(_), Some(_)) => {
                Err(Error::usage(format!("several runs begin with `{wanted}`")).hint("write more of the id"))
            }
            (None, _) => {
                let error = Error::usage(format!("no run is called `{wanted}`"));
                Err(newest.map_or(error, |newest| error_with_newest(wanted, &newest.info.id)))
            }
        }
    }

    /// The cells of a run, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cells(&self, run: &str) -> Result<Vec<CellRow>> {
        self.select(
            "SELECT id, json, environment_id, status, reason FROM cell WHERE run_id = ? ORDER BY position, id",
            [run],
            |row| {
                Ok(CellRow {
                    id: row.get(0)?,
                    cell: json(row, 1)?,
                    environment: row.get(2)?,
                    status: maybe_status(row, 3)?,
                    reason: row.get(4)?,
                })
            },
        )
    }

    /// The cells of a run that have no final status: what a resumed run still has to do.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outstanding(&self, run: &str) -> Result<Vec<Cell>> {
        let cells = self.cells(run)?;
        let is_open = |row: &CellRow| row.status.is_none_or(|status| status == Status::Skipped);
        Ok(cells.into_iter().filter(is_open).map(|row| row.cell).collect())
    }

    /// The environments the cells of a run ran in, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn environments(&self, run: &str) -> Result<BTreeMap<String, Environment>> {
        let sql = "SELECT id, json FROM environment WHERE id IN (SELECT environment_id FROM cell WHERE run_id = ?)";
        Ok(self.select(sql, [run], |row| Ok((row.get(0)?, json(row, 1)?)))?.into_iter().collect())
    }

    /// The attempts at a cell, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn attempts(&self, cell: i64) -> Result<Vec<AttemptRow>> {
        let sql = "SELECT number, started_at, ended_at, outcome, reason, stopped, blocks FROM attempt
            WHERE cell_id = ? ORDER BY id";
        self.select(sql, [cell], |row| {
            Ok(AttemptRow {
                number: row.get(0)?,
                started_at: row.get(1)?,
                ended_at: row.get(2)?,
                outcome: maybe_status(row, 3)?,
                reason: row.get(4)?,
                stopped: match row.get(6)? {
                    Some(blocks) => Some((word(row, 5, &Stop::ALL, Stop::name)?, blocks)),
                    None => None,
                },
            })
        })
    }

    /// The samples of a cell's last attempt, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn samples(&self, cell: i64) -> Result<Vec<SampleRow>> {
        let sql = "SELECT arm, block, metric, value, unit, valid FROM sample
            WHERE attempt_id = (SELECT max(id) FROM attempt WHERE cell_id = ?) ORDER BY id";
        self.select(sql, [cell], |row| {
            Ok(SampleRow {
                arm: word(row, 0, &[Arm::Baseline, Arm::Treatment], Arm::name)?,
                block: row.get(1)?,
                metric: row.get(2)?,
                value: row.get(3)?,
                unit: row.get(4)?,
                valid: row.get(5)?,
            })
        })
    }

    /// What operations of a cell's last attempt take by themselves, what takes longest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn operations(&self, cell: i64) -> Result<Vec<(Arm, Traced)>> {
        let sql = "SELECT arm, pass, kernel, count, ms, clock FROM operation
            WHERE attempt_id = (SELECT max(id) FROM attempt WHERE cell_id = ?) ORDER BY ms DESC, kernel";
        self.select(sql, [cell], |row| {
            let arm = word(row, 0, &[Arm::Baseline, Arm::Treatment], Arm::name)?;
            let (pass, kernel, clock) = (row.get(1)?, row.get(2)?, row.get(5)?);
            Ok((arm, Traced { pass, kernel, count: row.get(3)?, ms: row.get(4)?, clock }))
        })
    }

    /// The effects of a cell, by metric.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn effects(&self, cell: i64) -> Result<Vec<(String, Effect)>> {
        let sql =
            "SELECT metric, baseline, treatment, improvement_percent, ci_low, ci_high, p, samples, verdict, p_adjusted,
            outliers FROM effect WHERE cell_id = ? ORDER BY metric";
        self.select(sql, [cell], |row| {
            let ends: (Option<f64>, Option<f64>) = (row.get(4)?, row.get(5)?);
            let effect = Effect {
                baseline: row.get(1)?,
                treatment: row.get(2)?,
                improvement_percent: row.get(3)?,
                interval: ends.0.zip(ends.1).map(|(low, high)| Interval { low, high }),
                p: row.get(6)?,
                samples: usize::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
                verdict: word(row, 8, &Verdict::ALL, Verdict::name)?,
                p_adjusted: row.get(9)?,
                outliers: usize::try_from(row.get::<_, i64>(10)?).unwrap_or(0),
            };
            Ok((row.get(0)?, effect))
        })
    }

    /// Improvements of some metrics in the cells that a run shares with another.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn improvements(&self, run: &str, shared_with: &str, metrics: &[&str]) -> Result<Vec<Improvement>> {
        let sql = "SELECT cell.optimization, effect.metric, effect.improvement_percent, cell.status FROM effect
            JOIN cell ON cell.id = effect.cell_id
            WHERE cell.run_id = ?1 AND effect.improvement_percent IS NOT NULL AND cell.status IS NOT NULL
            AND effect.metric IN (SELECT value FROM json_each(?3))
            AND cell.key IN (SELECT key FROM cell WHERE run_id = ?2)";
        let names = serde_json::to_string(metrics).unwrap_or_default();
        self.select(sql, params![run, shared_with, names], |row| {
            Ok(Improvement {
                optimization: row.get(0)?,
                metric: row.get(1)?,
                percent: row.get(2)?,
                status: word(row, 3, &Status::ALL, Status::name)?,
            })
        })
    }

    /// What was said about a cell, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn logs(&self, run: &str, key: &str) -> Result<Vec<LogRow>> {
        let sql = "SELECT at, json ->> 'level', json ->> 'text' FROM event
            WHERE run_id = ? AND kind = 'logged' AND json ->> 'cell' = ? ORDER BY seq";
        self.select(sql, params![run, key], |row| Ok(LogRow { at: row.get(0)?, level: row.get(1)?, text: row.get(2)? }))
    }

    /// The evidence kept of a cell.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn artifacts(&self, cell: i64) -> Result<Vec<ArtifactRow>> {
        let sql = "SELECT artifact.hash, kind, length(bytes) FROM artifact JOIN blob ON blob.hash = artifact.hash
            WHERE cell_id = ? ORDER BY kind, artifact.hash";
        self.select(sql, [cell], |row| {
            let bytes = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
            Ok(ArtifactRow { hash: row.get(0)?, kind: row.get(1)?, bytes })
        })
    }

    /// The bytes kept under a hash.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>> {
        let found =
            self.connection.query_row("SELECT bytes FROM blob WHERE hash = ?", [hash], |row| row.get(0)).optional();
        found.map_err(|cause| self.failed("read", cause))
    }

    fn select<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.connection.prepare_cached(sql).and_then(|mut statement| {
            statement.query_map(values, |row| read(row))?.collect::<rusqlite::Result<Vec<T>>>()
        });
        rows.map_err(|cause| self.failed("read", cause))
    }
}

const RUN_STATUSES: [RunStatus; 3] = [RunStatus::Running, RunStatus::Finished, RunStatus::Interrupted];

fn error_with_newest(wanted: &str, newest: &str) -> Error {
    Error::usage(format!("no run is called `{wanted}`")).note(format!("the newest is {newest}"))
}

/// Reads a word of a list.
fn word<T: Copy>(row: &Row<'_>, column: usize, all: &[T], name: impl Fn(T) -> &'static str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    all.iter()
        .copied()
        .find(|value| name(*value) == text)
        .ok_or_else(|| unreadable(column, format!("unknown word `{text}`").into()))
}

fn maybe_status(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Status>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    word(row, column, &Status::ALL, Status::name).map(Some)
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, error.into()))
}

fn unreadable(column: usize, cause: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, cause)
}

//! What each event changes.

use rusqlite::{Connection, OptionalExtension as _, named_params, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::derive;
use super::record::{Failure, Unfit};
use crate::measure::Stop;
use crate::plan::{Cell, Weights};
use crate::run::environment::Environment;
use crate::run::event::{Arm, Event, RunInfo, RunStatus, Status};
use matrix_engine::protocol::{Measure, Traced};

type Written = Result<(), Failure>;

/// Writes events of one run inside a transaction.
pub(super) struct Writer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) run: &'a str,
    pub(super) now: String,
    /// Where the last sample went: the next one mostly goes there, too.
    pub(super) sampled: &'a mut Option<Sampled>,
}

/// The rows that samples of one attempt belong to.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    run: String,
    key: String,
    number: u32,
    cell: i64,
    attempt: i64,
}

impl Writer<'_> {
    pub(super) fn write(&mut self, event: &Event) -> Written {
        if !matches!(event, Event::Sampled { .. }) {
            *self.sampled = None;
        }
        match event {
            Event::RunStarted { run, cells } => {
                self.run_started(run, cells)?;
                self.log("run_started", &serde_json::to_value(run)?)
            }
            Event::EnvironmentSeen { environment } => {
                self.environment_seen(environment)?;
                self.log(
                    "environment_seen",
                    &json!({ "environment": environment.id, "session_ms": environment.session_ms }),
                )
            }
            Event::AttemptStarted { cell, attempt, environment } => {
                self.attempt_started(cell, *attempt, environment.as_deref())?;
                self.log("attempt_started", &serde_json::to_value(event)?)
            }
            Event::Sampled { cell, attempt, arm, block, measure, valid } => {
                self.sampled(cell, *attempt, *arm, *block, measure, *valid)
            }
            Event::Logged { cell, .. } => {
                self.cell(cell)?;
                self.log("logged", &serde_json::to_value(event)?)
            }
            Event::Kept { cell, kind, bytes } => {
                let hash = self.kept(cell, kind, bytes)?;
                self.log("kept", &json!({ "cell": cell, "kind": kind, "hash": hash, "bytes": bytes.len() }))
            }
            Event::SamplingStopped { cell, attempt, blocks, reason } => {
                self.sampling_stopped(cell, *attempt, *blocks, *reason)?;
                self.log("sampling_stopped", &serde_json::to_value(event)?)
            }
            Event::Traced { cell, attempt, arm, operations } => {
                self.traced(cell, *attempt, *arm, operations)?;
                self.log("traced", &json!({ "cell": cell, "attempt": attempt, "arm": arm, "kinds": operations.len() }))
            }
            Event::AttemptEnded { cell, attempt, outcome, reason } => {
                self.attempt_ended(cell, *attempt, *outcome, reason)?;
                self.log("attempt_ended", &serde_json::to_value(event)?)
            }
            Event::CellFinished { cell, status, reason } => {
                self.cell_finished(cell, *status, reason)?;
                self.log("cell_finished", &serde_json::to_value(event)?)
            }
            Event::RunFinished { status } => {
                self.run_finished(*status)?;
                self.log("run_finished", &serde_json::to_value(event)?)
            }
        }
    }

    fn log(&self, kind: &str, json: &serde_json::Value) -> Written {
        self.connection
            .prepare_cached("INSERT INTO event (run_id, at, kind, json) VALUES (?, ?, ?, ?)")?
            .execute(params![self.run, self.now, kind, json.to_string()])?;
        Ok(())
    }

    /// A run begins, or goes on after it was interrupted or killed.
    fn run_started(&self, run: &RunInfo, cells: &[Cell]) -> Written {
        let sql = "INSERT INTO run (id, name, started_at, matrix_hash, engine_hash, status) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET status = excluded.status, finished_at = NULL";
        let status = RunStatus::Running.name();
        let values = params![run.id, run.name, run.started_at, run.matrix_hash, run.engine_hash, status];
        self.connection.execute(sql, values)?;
        self.connection.execute(
            "UPDATE attempt SET ended_at = ?1, outcome = ?2, reason = 'the run was stopped during this attempt'
            WHERE ended_at IS NULL AND cell_id IN (SELECT id FROM cell WHERE run_id = ?3)",
            params![self.now, Status::Skipped.name(), run.id],
        )?;
        for (position, cell) in cells.iter().enumerate() {
            self.planned(position, cell)?;
        }
        Ok(())
    }

    fn planned(&self, position: usize, cell: &Cell) -> Written {
        let size = match &cell.model.weights {
            Weights::Synthetic { size, .. } => Some(size.name()),
            Weights::Named { .. } | Weights::Folder { .. } => None,
        };
        let sql = "INSERT INTO cell (run_id, key, position, browser, platform, model, family, size, synthetic_weights,
                optimization, scenario, json)
            VALUES (:run, :key, :position, :browser, :platform, :model, :family, :size, :synthetic, :optimization,
                :scenario, :json)
            ON CONFLICT (run_id, key) DO NOTHING";
        self.connection.prepare_cached(sql)?.execute(named_params! {
            ":run": self.run,
            ":key": cell.id,
            ":position": i64::try_from(position).unwrap_or(i64::MAX),
            ":browser": cell.browser.name(),
            ":platform": cell.platform.name(),
            ":model": cell.model.name,
            ":family": cell.model.family.map(matrix_engine::catalog::Family::name),
            ":size": size,
            ":synthetic": cell.model.is_synthetic(),
            ":optimization": cell.optimization(),
            ":scenario": serde_json::to_string(&cell.scenario)?,
            ":json": serde_json::to_string(cell)?,
        })?;
        Ok(())
    }

    fn environment_seen(&self, environment: &Environment) -> Written {
        let device = &environment.device;
        let sql = "INSERT INTO environment (id, run_id, browser, product, browser_version, driver, command_line, platform,
                device_kind, adapter_vendor, adapter_architecture, adapter_description, software, features, limits,
                cross_origin_isolated, visibility, clock_step_ms, user_agent, os, cpu, cores, engine_hash, json)
            VALUES (:id, :run, :browser, :product, :browser_version, :driver, :command_line, :platform, :device_kind,
                :vendor, :architecture, :description, :software, :features, :limits, :isolated, :visibility, :clock_step,
                :user_agent, :os, :cpu, :cores, :engine_hash, :json)
            ON CONFLICT (id) DO NOTHING";
        self.connection.execute(
            sql,
            named_params! {
                ":id": environment.id,
                ":run": self.run,
                ":browser": environment.browser.map(crate::browser::BrowserId::name),
                ":product": environment.product,
                ":browser_version": environment.browser_version,
                ":driver": environment.driver,
                ":command_line": serde_json::to_string(&environment.command_line)?,
                ":platform": environment.platform,
                ":device_kind": device.kind,
                ":vendor": device.vendor,
                ":architecture": device.architecture,
                ":description": device.description,
                ":software": device.software,
                ":features": serde_json::to_string(&device.features)?,
                ":limits": serde_json::to_string(&device.limits)?,
                ":isolated": environment.cross_origin_isolated,
                ":visibility": environment.visibility,
                ":clock_step": finite(environment.clock_step_ms),
                ":user_agent": environment.user_agent,
                ":os": environment.os,
                ":cpu": environment.cpu,
                ":cores": environment.cores,
                ":engine_hash": environment.engine_hash,
                ":json": serde_json::to_string(environment)?,
            },
        )?;
        Ok(())
    }

    fn attempt_started(&self, key: &str, number: u32, environment: Option<&str>) -> Written {
        let cell = self.cell(key)?;
        self.connection.execute(
            "INSERT INTO attempt (cell_id, number, environment_id, started_at) VALUES (?, ?, ?, ?)",
            params![cell, number, environment, self.now],
        )?;
        self.connection.execute(
            "UPDATE cell SET environment_id = coalesce(?, environment_id), status = NULL, reason = '' WHERE id = ?",
            params![environment, cell],
        )?;
        Ok(())
    }

    fn sampled(&mut self, key: &str, number: u32, arm: Arm, block: u32, measure: &Measure, valid: bool) -> Written {
        let known = self.sampled.as_ref().filter(|at| at.key == key && at.number == number && at.run == self.run);
        let (cell, attempt) = match known {
            Some(at) => (at.cell, at.attempt),
            None => {
                let (cell, attempt) = self.attempt(key, number)?;
                let (run, key) = (self.run.to_owned(), key.to_owned());
                *self.sampled = Some(Sampled { run, key, number, cell, attempt });
                (cell, attempt)
            }
        };
        let value = finite(measure.value);
        self.connection
            .prepare_cached(
                "INSERT INTO sample (cell_id, attempt_id, arm, block, metric, value, unit, valid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                cell,
                attempt,
                arm.name(),
                block,
                measure.metric,
                value,
                measure.unit,
                valid && value.is_some()
            ])?;
        Ok(())
    }

    fn kept(&self, key: &str, kind: &str, bytes: &[u8]) -> Result<String, Failure> {
        let cell = self.cell(key)?;
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.connection
            .execute("INSERT INTO blob (hash, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", params![hash, bytes])?;
        self.connection.execute(
            "INSERT INTO artifact (hash, cell_id, kind, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            params![hash, cell, kind, self.now],
        )?;
        Ok(hash)
    }

    fn sampling_stopped(&self, key: &str, number: u32, blocks: u32, reason: Stop) -> Written {
        let (_, attempt) = self.attempt(key, number)?;
        self.connection.execute(
            "UPDATE attempt SET stopped = ?, blocks = ? WHERE id = ?",
            params![reason.name(), blocks, attempt],
        )?;
        Ok(())
    }

    fn traced(&self, key: &str, number: u32, arm: Arm, operations: &[Traced]) -> Written {
        let (cell, attempt) = self.attempt(key, number)?;
        let sql = "INSERT INTO operation (cell_id, attempt_id, arm, pass, kernel, count, ms, clock)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let mut insert = self.connection.prepare_cached(sql)?;
        for Traced { pass, kernel, count, ms, clock } in operations {
            insert.execute(params![cell, attempt, arm.name(), pass, kernel, count, ms, clock])?;
        }
        Ok(())
    }

    fn attempt_ended(&self, key: &str, number: u32, outcome: Status, reason: &str) -> Written {
        let (_, attempt) = self.attempt(key, number)?;
        self.connection.execute(
            "UPDATE attempt SET ended_at = ?, outcome = ?, reason = ? WHERE id = ?",
            params![self.now, outcome.name(), reason, attempt],
        )?;
        Ok(())
    }

    fn cell_finished(&self, key: &str, status: Status, reason: &str) -> Written {
        let cell = self.cell(key)?;
        self.connection.execute(
            "UPDATE cell SET status = ?, reason = ?, flaky = ? WHERE id = ?",
            params![status.name(), reason, status == Status::Flaky, cell],
        )?;
        Ok(derive::effects_of(self.connection, cell)?)
    }

    fn run_finished(&self, status: RunStatus) -> Written {
        let finished = (status != RunStatus::Running).then_some(&self.now);
        self.connection.execute(
            "UPDATE run SET status = ?, finished_at = ? WHERE id = ?",
            params![status.name(), finished, self.run],
        )?;
        Ok(derive::adjust_effects_of(self.connection, self.run)?)
    }

    /// The row of a planned cell.
    fn cell(&self, key: &str) -> Result<i64, Failure> {
        let mut select = self.connection.prepare_cached("SELECT id FROM cell WHERE run_id = ? AND key = ?")?;
        let id = select.query_row(params![self.run, key], |row| row.get(0)).optional()?;
        id.ok_or_else(|| Unfit(format!("an event of the cell {key}, which is not planned")))
    }

    /// The rows of a cell and of its newest attempt of that number.
    fn attempt(&self, key: &str, number: u32) -> Result<(i64, i64), Failure> {
        let cell = self.cell(key)?;
        let mut select = self
            .connection
            .prepare_cached("SELECT id FROM attempt WHERE cell_id = ? AND number = ? ORDER BY id DESC LIMIT 1")?;
        let id = select.query_row(params![cell, number], |row| row.get(0)).optional()?;
        Ok((
            cell,
            id.ok_or_else(|| Unfit(format!("an event of attempt {number} of the cell {key}, which did not start")))?,
        ))
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

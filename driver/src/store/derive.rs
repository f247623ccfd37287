//! Effects, computed from samples.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::database::Store;
use crate::error::Result;
use crate::measure::{Effect, Interval, Metric, Verdict, adjust};

/// What computing the effects of a run again came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recomputed {
    /// Cells of the run.
    pub cells: usize,
    /// Samples that they rest on.
    pub samples: usize,
    /// Effects now.
    pub effects: usize,
    /// Effects that are new, gone or different.
    pub changed: usize,
}

impl Store {
    /// Computes the effects of a run again from its samples.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn recompute(&mut self, run: &str) -> Result<Recomputed> {
        let path = self.path().to_owned();
        let recomputed = self.connection.transaction().and_then(|transaction| {
            let cells: Vec<i64> = transaction
                .prepare("SELECT id FROM cell WHERE run_id = ? ORDER BY id")?
                .query_map([run], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let before = effects_as_text(&transaction, run)?;
            for &cell in &cells {
                effects_of(&transaction, cell)?;
            }
            adjust_effects_of(&transaction, run)?;
            let after = effects_as_text(&transaction, run)?;
            let differing = |of: &BTreeMap<_, _>, than: &BTreeMap<_, _>| {
                of.iter().filter(|(key, text)| than.get(*key) != Some(*text)).count()
            };
            let gone = before.keys().filter(|key| !after.contains_key(*key)).count();
            let samples: i64 = transaction.query_row(
                "SELECT count(*) FROM sample WHERE cell_id IN (SELECT id FROM cell WHERE run_id = ?)",
                [run],
                |row| row.get(0),
            )?;
            let done = Recomputed {
                cells: cells.len(),
                samples: usize::try_from(samples).unwrap_or(0),
                effects: after.len(),
                changed: differing(&after, &before) + gone,
            };
            transaction.commit()?;
            Ok(done)
        });
        recomputed.map_err(|cause| super::database::explain(&path, "recompute effects in", cause))
    }
}

/// The effects of a run by cell and metric, as text that is equal when they are.
fn effects_as_text(connection: &Connection, run: &str) -> rusqlite::Result<BTreeMap<(i64, String), String>> {
    let mut select = connection.prepare_cached(
        "SELECT cell_id, metric, json_array(baseline, treatment, improvement_percent, ci_low, ci_high, p, p_adjusted,
            samples, outliers, verdict)
        FROM effect WHERE cell_id IN (SELECT id FROM cell WHERE run_id = ?)",
    )?;
    let rows = select.query_map([run], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

/// The pairs of a metric by block; an arm that is missing leaves its block out.
type Blocks = BTreeMap<i64, (Option<f64>, Option<f64>)>;

/// Replaces the effects of a cell by those its last attempt shows.
pub(super) fn effects_of(connection: &Connection, cell: i64) -> rusqlite::Result<()> {
    let mut metrics: BTreeMap<String, Blocks> = BTreeMap::new();
    let mut select = connection.prepare_cached(
        "SELECT metric, block, arm = 'baseline', value FROM sample
        WHERE valid AND attempt_id = (SELECT max(id) FROM attempt WHERE cell_id = ?) ORDER BY id",
    )?;
    let mut rows = select.query([cell])?;
    while let Some(row) = rows.next()? {
        let pair = metrics.entry(row.get(0)?).or_default().entry(row.get(1)?).or_default();
        let arm = if row.get(2)? { &mut pair.0 } else { &mut pair.1 };
        *arm = Some(row.get(3)?);
    }
    connection.prepare_cached("DELETE FROM effect WHERE cell_id = ?")?.execute([cell])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO effect (cell_id, metric, baseline, treatment, improvement_percent, ci_low, ci_high, p, samples,
            outliers, verdict)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (name, blocks) in metrics {
        let pairs: Vec<(f64, f64)> = blocks.into_values().filter_map(|(b, t)| Some((b?, t?))).collect();
        let Some(effect) = Effect::of(&Metric::named(&name), &pairs) else { continue };
        insert.execute(params![
            cell,
            name,
            effect.baseline,
            effect.treatment,
            effect.improvement_percent,
            effect.interval.map(|interval| interval.low),
            effect.interval.map(|interval| interval.high),
            effect.p,
            i64::try_from(effect.samples).unwrap_or(i64::MAX),
            i64::try_from(effect.outliers).unwrap_or(i64::MAX),
            effect.verdict.name(),
        ])?;
    }
    Ok(())
}

/// Judges the effects of a run as the many that they are.
pub(super) fn adjust_effects_of(connection: &Connection, run: &str) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT effect.rowid, metric, improvement_percent, ci_low, ci_high, p FROM effect
        JOIN cell ON cell.id = effect.cell_id
        WHERE run_id = ? AND p IS NOT NULL AND improvement_percent IS NOT NULL ORDER BY effect.rowid",
    )?;
    let rows = select.query_map([run], |row| {
        let ends: (Option<f64>, Option<f64>) = (row.get(3)?, row.get(4)?);
        let interval = ends.0.zip(ends.1).map(|(low, high)| Interval { low, high });
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, interval, row.get(5)?))
    })?;
    let effects: Vec<(i64, String, f64, Option<Interval>, f64)> = rows.collect::<rusqlite::Result<_>>()?;
    let adjusted = adjust(&effects.iter().map(|(.., p)| *p).collect::<Vec<_>>());
    let mut update = connection.prepare_cached("UPDATE effect SET p_adjusted = ?, verdict = ? WHERE rowid = ?")?;
    for ((row, metric, improvement, interval, _), p) in effects.into_iter().zip(adjusted) {
        let verdict = Verdict::of(improvement, interval, Some(p), Metric::named(&metric).threshold);
        update.execute(params![p, verdict.name(), row])?;
    }
    Ok(())
}

-- Names of tables, views and columns are an interface: users' SQL depends on them.

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    matrix_hash TEXT NOT NULL,
    engine_hash TEXT NOT NULL,
    status TEXT NOT NULL -- running | finished | interrupted
) STRICT;

-- The fingerprint of browser, device and machine. Equal fingerprints are one row, even over several runs.
CREATE TABLE environment (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (id), -- the first that saw it
    browser TEXT,
    product TEXT NOT NULL,
    browser_version TEXT NOT NULL,
    driver TEXT NOT NULL,
    command_line TEXT NOT NULL, -- JSON list
    platform TEXT NOT NULL,
    device_kind TEXT NOT NULL, -- gpu | cpu
    adapter_vendor TEXT NOT NULL,
    adapter_architecture TEXT NOT NULL,
    adapter_description TEXT NOT NULL,
    software INTEGER NOT NULL, -- 1: the adapter runs on the CPU
    features TEXT NOT NULL, -- JSON list
    limits TEXT NOT NULL, -- JSON map
    cross_origin_isolated INTEGER NOT NULL,
    visibility TEXT NOT NULL,
    clock_step_ms REAL,
    user_agent TEXT NOT NULL,
    os TEXT NOT NULL,
    cpu TEXT NOT NULL,
    cores INTEGER NOT NULL,
    engine_hash TEXT NOT NULL,
    json TEXT NOT NULL -- all of it
) STRICT;

CREATE TABLE cell (
    id INTEGER PRIMARY KEY, -- of this cell in this run
    run_id TEXT NOT NULL REFERENCES run (id),
    key TEXT NOT NULL, -- of this cell in every run of an equal matrix
    position INTEGER NOT NULL,
    environment_id TEXT REFERENCES environment (id),
    browser TEXT NOT NULL,
    platform TEXT NOT NULL,
    model TEXT NOT NULL,
    family TEXT,
    size TEXT, -- of a preset
    synthetic_weights INTEGER NOT NULL,
    optimization TEXT NOT NULL, -- words joined by +
    scenario TEXT NOT NULL, -- JSON
    status TEXT, -- NULL: not finished
    reason TEXT NOT NULL DEFAULT '',
    flaky INTEGER NOT NULL DEFAULT 0,
    json TEXT NOT NULL, -- the planned cell
    UNIQUE (run_id, key)
) STRICT;

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    number INTEGER NOT NULL,
    environment_id TEXT REFERENCES environment (id),
    started_at TEXT NOT NULL,
    ended_at TEXT, -- NULL: under way, or the process was killed
    outcome TEXT,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX attempt_of_cell ON attempt (cell_id);

CREATE TABLE sample (
    id INTEGER PRIMARY KEY,
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    arm TEXT NOT NULL, -- baseline | treatment
    block INTEGER NOT NULL,
    metric TEXT NOT NULL,
    value REAL, -- NULL: not a finite number
    unit TEXT NOT NULL,
    valid INTEGER NOT NULL -- 0: something disturbed it
) STRICT;
CREATE INDEX sample_of_attempt ON sample (attempt_id, metric, block);

-- Derived from sample; can be computed again at any time.
CREATE TABLE effect (
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    metric TEXT NOT NULL,
    baseline REAL NOT NULL, -- median
    treatment REAL NOT NULL, -- median
    improvement_percent REAL, -- positive is better; NULL: shown, not compared
    ci_low REAL,
    ci_high REAL,
    p REAL,
    samples INTEGER NOT NULL,
    verdict TEXT NOT NULL, -- better | worse | none | inconclusive | shown
    PRIMARY KEY (cell_id, metric)
) STRICT;

CREATE TABLE blob (
    hash TEXT PRIMARY KEY, -- sha256
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE artifact (
    hash TEXT NOT NULL REFERENCES blob (hash),
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    kind TEXT NOT NULL, -- screenshot | console | driver-log | …
    at TEXT NOT NULL,
    PRIMARY KEY (hash, cell_id, kind)
) STRICT;

-- Everything that happened, in order; samples are their own record and not repeated here.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    json TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_run ON event (run_id, kind);

-- One row per compared metric of every cell whose numbers are right.
CREATE VIEW webgpu_optimizations AS
SELECT
    cell.model AS model_name,
    cell.optimization AS optimization_type,
    effect.improvement_percent,
    cell.browser,
    cell.platform,
    effect.metric,
    effect.ci_low,
    effect.ci_high,
    effect.p,
    effect.samples,
    effect.verdict,
    effect.baseline,
    effect.treatment,
    cell.status,
    cell.family,
    cell.synthetic_weights,
    environment.product,
    environment.browser_version,
    environment.adapter_description,
    environment.software AS software_adapter,
    cell.key AS cell_key,
    cell.id AS cell_id,
    cell.environment_id,
    cell.run_id,
    run.name AS run_name,
    run.started_at
FROM effect
JOIN cell ON cell.id = effect.cell_id
JOIN run ON run.id = cell.run_id
LEFT JOIN environment ON environment.id = cell.environment_id
WHERE effect.improvement_percent IS NOT NULL AND cell.status IN ('pass', 'flaky');

-- How the cells behind one entry of the compatibility table went.
CREATE VIEW compat AS
SELECT
    cell.run_id,
    cell.browser,
    cell.platform,
    cell.optimization AS optimization_type,
    count(*) AS cells,
    count(*) FILTER (WHERE cell.status IN ('pass', 'flaky')) AS passed,
    count(*) FILTER (WHERE cell.status IN ('fail', 'timeout', 'crash')) AS failed,
    count(*) FILTER (WHERE cell.status = 'unsupported') AS unsupported,
    count(*) FILTER (WHERE cell.status IS NULL OR cell.status IN ('unavailable', 'skipped')) AS not_run,
    count(*) FILTER (WHERE cell.flaky) AS flaky
FROM cell
GROUP BY cell.run_id, cell.browser, cell.platform, cell.optimization;

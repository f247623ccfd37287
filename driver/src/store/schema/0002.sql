-- What became known about an effect beside its interval; `matrix recompute` fills it in for earlier runs.

ALTER TABLE effect ADD COLUMN p_adjusted REAL; -- given all effects of the run; NULL: the run is not over, or p is NULL
ALTER TABLE effect ADD COLUMN outliers INTEGER NOT NULL DEFAULT 0; -- pairs far from the others; they count

-- Why sampling ended: precise | decided | budget | max; NULL: it did not come so far.
ALTER TABLE attempt ADD COLUMN stopped TEXT;
ALTER TABLE attempt ADD COLUMN blocks INTEGER;

DROP VIEW webgpu_optimizations;
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
    effect.p_adjusted,
    effect.samples,
    effect.outliers,
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

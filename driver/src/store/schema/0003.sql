-- Samples are read by attempt, in the order they were taken; an index that only grows at its end is written faster.

DROP INDEX sample_of_attempt;
CREATE INDEX sample_of_attempt ON sample (attempt_id);

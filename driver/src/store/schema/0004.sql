-- What operations of an arm take by themselves, each timed in a pass of its own.

CREATE TABLE operation (
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    arm TEXT NOT NULL, -- baseline | treatment
    pass TEXT NOT NULL, -- hear | infer | encode | prefill | token
    kernel TEXT NOT NULL,
    count INTEGER NOT NULL,
    ms REAL NOT NULL, -- of all of them
    clock TEXT NOT NULL, -- gpu | wall
    PRIMARY KEY (attempt_id, arm, pass, kernel)
) STRICT;

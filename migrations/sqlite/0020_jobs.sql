-- A PIN or password of an import, sealed until it is hashed: hashing thousands takes longer than an import may.
ALTER TABLE users ADD COLUMN sealed_pin TEXT;
ALTER TABLE users ADD COLUMN sealed_password TEXT;
CREATE INDEX users_with_sealed_pin ON users (id) WHERE sealed_pin IS NOT NULL;
CREATE INDEX users_with_sealed_password ON users (id) WHERE sealed_password IS NOT NULL;

-- What takes longer than a request: imports.
CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    -- The kind of record.
    records      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN
        ('waiting', 'checking', 'writing', 'done', 'refused', 'cancelled', 'interrupted', 'failed')),
    mode         TEXT NOT NULL,
    on_existing  TEXT NOT NULL,
    dry_run      INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    source       TEXT NOT NULL,
    -- Rows: how many there are, how many were looked at, and what came of those.
    total        INTEGER NOT NULL DEFAULT 0,
    done         INTEGER NOT NULL DEFAULT 0,
    added        INTEGER NOT NULL DEFAULT 0,
    changed      INTEGER NOT NULL DEFAULT 0,
    unchanged    INTEGER NOT NULL DEFAULT 0,
    skipped      INTEGER NOT NULL DEFAULT 0,
    refused      INTEGER NOT NULL DEFAULT 0,
    -- The line of the file the last of those rows begins on.
    line         INTEGER NOT NULL DEFAULT 0,
    faults       INTEGER NOT NULL DEFAULT 0,
    started_at   INTEGER,
    ended_at     INTEGER
) STRICT;
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_faults (
    job           TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    line          INTEGER NOT NULL,
    -- Counted from 1; none where it is the row as a whole.
    column_number INTEGER,
    field         TEXT,
    code          TEXT NOT NULL,
    detail        TEXT NOT NULL,
    -- What the words of a language need, as a JSON object of texts.
    arguments     TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT;

-- Everything that happened, in the order it was committed: what subscribers read and resume in. The sequence never
-- repeats, whatever is deleted, and has no holes: a transaction that is rolled back takes its numbers back.
ALTER TABLE events RENAME TO earlier_events;
CREATE TABLE events (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'alarm')),
    type        TEXT NOT NULL,
    -- The identifier of what it is about; empty for the server itself.
    subject     TEXT NOT NULL,
    -- JSON, by type.
    data        TEXT NOT NULL,
    -- Lists treat events as records.
    id          TEXT GENERATED ALWAYS AS (CAST(sequence AS TEXT)) VIRTUAL,
    version     INTEGER GENERATED ALWAYS AS (1) VIRTUAL,
    created_at  INTEGER GENERATED ALWAYS AS (at) VIRTUAL,
    updated_at  INTEGER GENERATED ALWAYS AS (at) VIRTUAL
) STRICT;
INSERT INTO events (sequence, at, severity, type, subject, data)
    SELECT id, at, severity, 'note', '', json_object('kind', kind, 'text', detail) FROM earlier_events ORDER BY id;
DROP TABLE earlier_events;

-- What nodes that share a database have to agree on. SQLite has one node; the statements are the same.

-- Facts about the installation: a mark of the key that seals its secrets, so that a node with another key is refused.
CREATE TABLE installation (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) STRICT;

-- The newest generation of a service: every node runs it.
CREATE TABLE service_runs (
    name        TEXT PRIMARY KEY,
    generation  INTEGER NOT NULL,
    -- How running conversations were met.
    mode        TEXT NOT NULL
) STRICT;

-- The node that has the job's file; empty where there is one node.
ALTER TABLE jobs ADD COLUMN node TEXT NOT NULL DEFAULT '';

-- The newest event there ever was, whatever is deleted.
CREATE VIEW newest_event AS SELECT seq AS sequence FROM sqlite_sequence WHERE name = 'events';

-- Groups of lines: by number, so that a line stays in its group when its phone is another.
CREATE TABLE line_groups (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    name         TEXT NOT NULL UNIQUE,
    description  TEXT NOT NULL DEFAULT '',
    -- Where its phones are.
    site         TEXT NOT NULL DEFAULT ''
) STRICT;
ALTER TABLE directory_numbers ADD COLUMN line_group TEXT REFERENCES line_groups (id);
CREATE INDEX directory_numbers_by_group ON directory_numbers (line_group) WHERE line_group IS NOT NULL;

-- What phones made from a template are; those of some types don't register.
ALTER TABLE device_templates ADD COLUMN device_type TEXT NOT NULL DEFAULT 'desk-phone';

-- How each line stands. Written in groups behind the registrar; what happens in the last moments may be missing.
CREATE TABLE line_status (
    phone                TEXT NOT NULL,
    position             INTEGER NOT NULL,
    state                TEXT NOT NULL CHECK (state IN ('registered', 'not-registered')),
    -- Why, in a word.
    code                 TEXT NOT NULL,
    -- Why it is not registered, apart from errors since: '' if it never was, 'unregistered', or a reason.
    cause                TEXT NOT NULL,
    since                INTEGER,
    -- Only while it is registered.
    registered_until     INTEGER,
    -- The last REGISTER that named it.
    register_at          INTEGER,
    register_source      TEXT,
    register_transport   TEXT,
    register_user_agent  TEXT,
    register_is_proven   INTEGER,
    -- The latest error.
    error                TEXT,
    error_at             INTEGER,
    error_first_at       INTEGER,
    error_count          INTEGER NOT NULL DEFAULT 0,
    error_source         TEXT,
    error_transport      TEXT,
    error_user_agent     TEXT,
    error_method         TEXT,
    is_flapping          INTEGER NOT NULL DEFAULT 0,
    -- The latest changes of its state, comma-separated, the oldest first.
    changes              TEXT NOT NULL DEFAULT '',
    updated_at           INTEGER NOT NULL,
    PRIMARY KEY (phone, position),
    FOREIGN KEY (phone, position) REFERENCES lines (phone, position) ON DELETE CASCADE
) STRICT;
CREATE INDEX line_status_by_end ON line_status (registered_until) WHERE registered_until IS NOT NULL;

-- What happened to each line. An error that repeats is counted.
CREATE TABLE line_history (
    id          TEXT PRIMARY KEY,
    phone       TEXT NOT NULL,
    position    INTEGER NOT NULL,
    line        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('state', 'error')),
    code        TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    source      TEXT,
    transport   TEXT,
    user_agent  TEXT,
    method      TEXT,
    -- Lists treat entries as records.
    version     INTEGER GENERATED ALWAYS AS (1) VIRTUAL,
    created_at  INTEGER GENERATED ALWAYS AS (first_at) VIRTUAL,
    updated_at  INTEGER GENERATED ALWAYS AS (last_at) VIRTUAL,
    FOREIGN KEY (phone, position) REFERENCES lines (phone, position) ON DELETE CASCADE
) STRICT;
CREATE INDEX line_history_by_line ON line_history (line, id);
CREATE INDEX line_history_of_phones ON line_history (phone, position);
CREATE INDEX line_history_by_time ON line_history (last_at);

-- Names nobody has that somebody tried, those tried last.
CREATE TABLE line_strangers (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    number      TEXT,
    reason      TEXT NOT NULL,
    count       INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    source      TEXT,
    transport   TEXT,
    user_agent  TEXT,
    method      TEXT,
    version     INTEGER GENERATED ALWAYS AS (1) VIRTUAL,
    created_at  INTEGER GENERATED ALWAYS AS (first_at) VIRTUAL,
    updated_at  INTEGER GENERATED ALWAYS AS (last_at) VIRTUAL
) STRICT;
CREATE INDEX line_strangers_by_time ON line_strangers (last_at);

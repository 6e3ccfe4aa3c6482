-- Instants are milliseconds since 1970-01-01T00:00:00Z. Identifiers are the text of version 7 UUIDs.

CREATE TABLE device_templates (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    description   TEXT NOT NULL DEFAULT '',
    -- A pattern with variables, for example "{model} of {user_name}".
    phone_name    TEXT NOT NULL,
    -- Canonical phone settings, as JSON.
    settings      TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE TABLE line_templates (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    description   TEXT NOT NULL DEFAULT '',
    label         TEXT NOT NULL,
    display       TEXT NOT NULL
) STRICT;

CREATE TABLE user_profiles (
    id                  TEXT PRIMARY KEY,
    name                TEXT NOT NULL UNIQUE,
    description         TEXT NOT NULL DEFAULT '',
    is_default          INTEGER NOT NULL DEFAULT 0,
    desk_template       TEXT REFERENCES device_templates (id),
    line_template       TEXT REFERENCES line_templates (id),
    allow_provisioning  INTEGER NOT NULL DEFAULT 0,
    device_limit        INTEGER NOT NULL DEFAULT 10 CHECK (device_limit BETWEEN 0 AND 20)
) STRICT;
CREATE UNIQUE INDEX one_default_profile ON user_profiles (is_default) WHERE is_default = 1;

CREATE TABLE users (
    id                 TEXT PRIMARY KEY,
    user_id            TEXT NOT NULL UNIQUE,
    self_service_id    TEXT NOT NULL UNIQUE,
    name               TEXT NOT NULL,
    locale             TEXT,
    pin_hash           TEXT,
    primary_extension  TEXT,
    profile            TEXT REFERENCES user_profiles (id),
    created_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_extension ON users (primary_extension);

CREATE TABLE phones (
    id                 TEXT PRIMARY KEY,
    -- quarantine: has a temporary number. enrolled: belongs to a user. released: neither any more.
    state              TEXT NOT NULL CHECK (state IN ('quarantine', 'enrolled', 'released')),
    mac                TEXT,
    vendor             TEXT NOT NULL,
    model              TEXT,
    name               TEXT NOT NULL DEFAULT '',
    user               TEXT REFERENCES users (id),
    device_template    TEXT REFERENCES device_templates (id),
    -- What it authenticates as; its own, whatever number it has. For a phone that takes no configuration, the name it chose.
    auth_name          TEXT NOT NULL UNIQUE,
    -- Sealed with the key outside the database. None for a phone that takes no configuration.
    sealed_secret      TEXT,
    -- The secret before the last bind, good until the phone has fetched the new one.
    sealed_old_secret  TEXT,
    -- Digest algorithms offered, in order, comma-separated.
    algorithms         TEXT NOT NULL DEFAULT 'MD5',
    -- SHA-256 of the tokens in its private configuration URLs: the one in use, and the one before until the next push is done.
    token_hash         TEXT UNIQUE,
    old_token_hash     TEXT UNIQUE,
    -- 1 while the secrets may be fetched (once).
    push_pending       INTEGER NOT NULL DEFAULT 0,
    -- The address it was first seen at.
    source             TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    seen_at            INTEGER NOT NULL
) STRICT;
CREATE INDEX phones_by_mac ON phones (mac);
CREATE INDEX phones_by_user ON phones (user);

CREATE TABLE lines (
    phone     TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    number    TEXT NOT NULL,
    label     TEXT NOT NULL,
    display   TEXT NOT NULL,
    PRIMARY KEY (phone, position)
) STRICT;
CREATE INDEX lines_by_number ON lines (number);

-- Temporary numbers in use. One given back stays here, cooling, until its old holder can no longer be using it.
CREATE TABLE leases (
    number         TEXT PRIMARY KEY,
    phone          TEXT NOT NULL UNIQUE REFERENCES phones (id) ON DELETE CASCADE,
    leased_at      INTEGER NOT NULL,
    cooling_until  INTEGER
) STRICT;

CREATE TABLE location (
    aor         TEXT NOT NULL,
    contact     TEXT NOT NULL,
    phone       TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    cseq        INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    transport   TEXT NOT NULL,
    local       TEXT NOT NULL,
    received    TEXT NOT NULL,
    user_agent  TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (aor, contact)
) STRICT;

CREATE TABLE enrolments (
    id          TEXT PRIMARY KEY,
    phone       TEXT NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    user        TEXT REFERENCES users (id),
    language    TEXT,
    started_at  INTEGER NOT NULL,
    bound_at    INTEGER,
    ended_at    INTEGER,
    ending      TEXT
) STRICT;
CREATE INDEX enrolments_by_phone ON enrolments (phone);
CREATE UNIQUE INDEX one_open_enrolment ON enrolments (phone) WHERE ended_at IS NULL;

CREATE TABLE enrolment_steps (
    enrolment  TEXT NOT NULL REFERENCES enrolments (id) ON DELETE CASCADE,
    sequence   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    step       TEXT NOT NULL,
    detail     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (enrolment, sequence)
) STRICT;

-- Wrong credentials, by user, by device and over all.
CREATE TABLE lockouts (
    scope         TEXT NOT NULL,
    subject       TEXT NOT NULL,
    failures      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    times_locked  INTEGER NOT NULL,
    locked_until  INTEGER,
    PRIMARY KEY (scope, subject)
) STRICT;

CREATE TABLE tokens (
    hash        TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- What an operator should know of: alarms and notable happenings.
CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    severity  TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'alarm')),
    kind      TEXT NOT NULL,
    detail    TEXT NOT NULL
) STRICT;

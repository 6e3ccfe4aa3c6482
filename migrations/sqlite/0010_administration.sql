-- Every record an administrator keeps has a version, which grows with each change (ETag, If-Match).
ALTER TABLE device_templates ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE device_templates ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device_templates ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE line_templates ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE line_templates ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE line_templates ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE user_profiles ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE user_profiles ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_profiles ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_profiles ADD COLUMN mobile_template TEXT REFERENCES device_templates (id);
ALTER TABLE user_profiles ADD COLUMN remote_template TEXT REFERENCES device_templates (id);

ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN given_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN family_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN mail TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive'));
ALTER TABLE users ADD COLUMN pin_set_at INTEGER;
ALTER TABLE users ADD COLUMN pin_must_change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN password_hash TEXT;
ALTER TABLE users ADD COLUMN password_set_at INTEGER;
ALTER TABLE users ADD COLUMN password_must_change INTEGER NOT NULL DEFAULT 0;

-- What a new user is made from: a profile, and what else a group of new users shares.
CREATE TABLE feature_group_templates (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    name         TEXT NOT NULL UNIQUE,
    description  TEXT NOT NULL DEFAULT '',
    profile      TEXT REFERENCES user_profiles (id),
    locale       TEXT
) STRICT;

-- Programs that control calls.
CREATE TABLE application_users (
    id             TEXT PRIMARY KEY,
    version        INTEGER NOT NULL DEFAULT 1,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    name           TEXT NOT NULL UNIQUE,
    description    TEXT NOT NULL DEFAULT '',
    -- The role "standard CTI enabled".
    cti_enabled      INTEGER NOT NULL DEFAULT 0,
    password_hash    TEXT,
    password_set_at  INTEGER
) STRICT;

CREATE TABLE route_points (
    id                TEXT PRIMARY KEY,
    version           INTEGER NOT NULL DEFAULT 1,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    name              TEXT NOT NULL UNIQUE,
    description       TEXT NOT NULL DEFAULT '',
    -- JSON arrays: directory numbers; codecs, the preferred first.
    numbers           TEXT NOT NULL DEFAULT '[]',
    codecs            TEXT NOT NULL DEFAULT '["PCMU","PCMA","G722","L16"]',
    -- The greatest number of calls at once.
    calls             INTEGER NOT NULL DEFAULT 5000 CHECK (calls BETWEEN 1 AND 5000),
    application_user  TEXT REFERENCES application_users (id)
) STRICT;

CREATE TABLE number_pools (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    name         TEXT NOT NULL UNIQUE,
    description  TEXT NOT NULL DEFAULT '',
    first        TEXT NOT NULL,
    last         TEXT NOT NULL
) STRICT;

CREATE TABLE directory_numbers (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    number       TEXT NOT NULL UNIQUE,
    description  TEXT NOT NULL DEFAULT '',
    pool         TEXT REFERENCES number_pools (id)
) STRICT;

-- Who changed what: the record before and after, its secrets masked.
CREATE TABLE audit (
    id          TEXT PRIMARY KEY,
    version     INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    source      TEXT NOT NULL,
    action      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    record      TEXT NOT NULL,
    name        TEXT NOT NULL,
    -- JSON; null where there was no record.
    before      TEXT NOT NULL,
    after       TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_record ON audit (record);

-- Bearer tokens, by hash.
DROP TABLE tokens;
CREATE TABLE tokens (
    id            TEXT PRIMARY KEY,
    version       INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    name          TEXT NOT NULL UNIQUE,
    role          TEXT NOT NULL CHECK (role IN ('view', 'operate', 'administer', 'cti')),
    hash          TEXT NOT NULL UNIQUE,
    expires_at    INTEGER,
    last_used_at  INTEGER
) STRICT;

-- Answers to writes that carried an idempotency key. The body is sealed: it may hold a secret shown once.
CREATE TABLE idempotency_keys (
    token        TEXT NOT NULL,
    key          TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    -- None while the first request with this key is being carried out.
    status       INTEGER,
    version      TEXT,
    body         TEXT,
    PRIMARY KEY (token, key)
) STRICT;

-- Phones and enrolments change by what happens to them; lists treat them as records all the same.
ALTER TABLE phones ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE phones ADD COLUMN updated_at INTEGER GENERATED ALWAYS AS (seen_at) VIRTUAL;
ALTER TABLE enrolments ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE enrolments ADD COLUMN created_at INTEGER GENERATED ALWAYS AS (started_at) VIRTUAL;
ALTER TABLE enrolments ADD COLUMN updated_at INTEGER GENERATED ALWAYS AS (COALESCE(ended_at, bound_at, started_at)) VIRTUAL;

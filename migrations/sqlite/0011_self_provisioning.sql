-- The settings of self-provisioning (one row) as an administrator keeps them. The service runs on those it was started with.
CREATE TABLE self_provisioning (
    id                        TEXT PRIMARY KEY,
    version                   INTEGER NOT NULL DEFAULT 1,
    created_at                INTEGER NOT NULL,
    updated_at                INTEGER NOT NULL,
    name                      TEXT NOT NULL UNIQUE,
    active                    INTEGER NOT NULL,
    authentication            TEXT NOT NULL,
    code_hash                 TEXT,
    code_set_at               INTEGER,
    route_point               TEXT REFERENCES route_points (id),
    application_user          TEXT REFERENCES application_users (id),
    ports                     INTEGER NOT NULL,
    -- The conversation, as JSON.
    dialogue                  TEXT NOT NULL
) STRICT;

-- The settings of auto-registration (one row) as an administrator keeps them.
CREATE TABLE auto_registration (
    id                         TEXT PRIMARY KEY,
    version                    INTEGER NOT NULL DEFAULT 1,
    created_at                 INTEGER NOT NULL,
    updated_at                 INTEGER NOT NULL,
    name                       TEXT NOT NULL UNIQUE,
    enabled                    INTEGER NOT NULL,
    "first"                    TEXT NOT NULL,
    "last"                     TEXT NOT NULL,
    device_template            TEXT REFERENCES device_templates (id),
    -- A JSON array of CIDR texts.
    networks                   TEXT NOT NULL,
    lease_seconds              INTEGER NOT NULL,
    first_registration_seconds INTEGER NOT NULL,
    cooling_seconds            INTEGER NOT NULL,
    alarm_percent              INTEGER NOT NULL,
    per_address_per_minute     INTEGER NOT NULL,
    numbers_per_address        INTEGER NOT NULL
) STRICT;

-- What PINs and passwords must be like (one row).
CREATE TABLE credential_policy (
    id                  TEXT PRIMARY KEY,
    version             INTEGER NOT NULL DEFAULT 1,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    name                TEXT NOT NULL UNIQUE,
    pin_digits          INTEGER NOT NULL,
    refuse_trivial_pins INTEGER NOT NULL,
    pin_days            INTEGER NOT NULL,
    password_characters INTEGER NOT NULL
) STRICT;

-- People who look after groups of lines, and their sessions (tokens by hash).
CREATE TABLE portal_accounts (
    id               text COLLATE "C" PRIMARY KEY,
    version          bigint NOT NULL DEFAULT 1,
    created_at       bigint NOT NULL,
    updated_at       bigint NOT NULL,
    login            text COLLATE "C" NOT NULL UNIQUE,
    description      text COLLATE "C" NOT NULL DEFAULT '',
    mail             text COLLATE "C" NOT NULL DEFAULT '',
    locale           text COLLATE "C",
    time_zone        text COLLATE "C" NOT NULL DEFAULT 'UTC',
    status           text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    password_hash    text COLLATE "C",
    password_set_at  bigint
);
CREATE TABLE portal_sessions (
    hash        text COLLATE "C" PRIMARY KEY,
    account     text COLLATE "C" NOT NULL REFERENCES portal_accounts (id) ON DELETE CASCADE,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL
);
-- Tokens by which a forgotten password is set anew, once.
CREATE TABLE portal_reminders (
    hash        text COLLATE "C" PRIMARY KEY,
    account     text COLLATE "C" NOT NULL UNIQUE REFERENCES portal_accounts (id) ON DELETE CASCADE,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL
);
CREATE INDEX portal_sessions_by_account ON portal_sessions (account);
ALTER TABLE line_groups ADD COLUMN account text COLLATE "C" REFERENCES portal_accounts (id);
CREATE INDEX line_groups_by_account ON line_groups (account) WHERE account IS NOT NULL;

DROP VIEW line_records;
CREATE VIEW line_records AS
    SELECT lines.phone || '-' || lines.position AS id, lines.version, lines.created_at, lines.updated_at,
        lines.phone, lines.position, lines.number, lines.label, lines.display,
        CASE WHEN lines.own_label IS NULL THEN 0 ELSE 1 END AS has_own_label,
        CASE WHEN lines.own_display IS NULL THEN 0 ELSE 1 END AS has_own_display,
        users.user_id AS "user", phones.mac, phones.name AS phone_name,
        COALESCE(device_templates.device_type, 'desk-phone') AS type,
        line_groups.name AS line_group, portal_accounts.login AS account, COALESCE(line_groups.site, '') AS site,
        CASE WHEN device_templates.device_type IN ('ip-trunk', 'virtual') THEN 'not-supported'
            ELSE COALESCE(line_status.state, 'not-registered') END AS state,
        CASE WHEN device_templates.device_type IN ('ip-trunk', 'virtual') THEN 'not-supported'
            ELSE COALESCE(line_status.code, 'never-received') END AS code,
        COALESCE(line_status.is_flapping, 0) AS is_flapping,
        line_status.since AS state_since, line_status.register_at AS last_register_at,
        line_status.error AS last_error, line_status.error_at AS last_error_at
    FROM lines
        JOIN phones ON phones.id = lines.phone
        LEFT JOIN users ON users.id = phones."user"
        LEFT JOIN device_templates ON device_templates.id = phones.device_template
        LEFT JOIN directory_numbers ON directory_numbers.number = lines.number
        LEFT JOIN line_groups ON line_groups.id = directory_numbers.line_group
        LEFT JOIN portal_accounts ON portal_accounts.id = line_groups.account
        LEFT JOIN line_status ON line_status.phone = lines.phone AND line_status.position = lines.position;

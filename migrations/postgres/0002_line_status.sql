-- Groups of lines: by number, so that a line stays in its group when its phone is another.
CREATE TABLE line_groups (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    name         text COLLATE "C" NOT NULL UNIQUE,
    description  text COLLATE "C" NOT NULL DEFAULT '',
    -- Where its phones are.
    site         text COLLATE "C" NOT NULL DEFAULT ''
);
ALTER TABLE directory_numbers ADD COLUMN line_group text COLLATE "C" REFERENCES line_groups (id);
CREATE INDEX directory_numbers_by_group ON directory_numbers (line_group) WHERE line_group IS NOT NULL;

-- What phones made from a template are; those of some types don't register.
ALTER TABLE device_templates ADD COLUMN device_type text COLLATE "C" NOT NULL DEFAULT 'desk-phone';

-- How each line stands. Written in groups behind the registrar; what happens in the last moments may be missing.
CREATE TABLE line_status (
    phone                text COLLATE "C" NOT NULL,
    position             bigint NOT NULL,
    state                text COLLATE "C" NOT NULL CHECK (state IN ('registered', 'not-registered')),
    -- Why, in a word.
    code                 text COLLATE "C" NOT NULL,
    -- Why it is not registered, apart from errors since: '' if it never was, 'unregistered', or a reason.
    cause                text COLLATE "C" NOT NULL,
    since                bigint,
    -- Only while it is registered.
    registered_until     bigint,
    -- The last REGISTER that named it.
    register_at          bigint,
    register_source      text COLLATE "C",
    register_transport   text COLLATE "C",
    register_user_agent  text COLLATE "C",
    register_is_proven   bigint,
    -- The latest error.
    error                text COLLATE "C",
    error_at             bigint,
    error_first_at       bigint,
    error_count          bigint NOT NULL DEFAULT 0,
    error_source         text COLLATE "C",
    error_transport      text COLLATE "C",
    error_user_agent     text COLLATE "C",
    error_method         text COLLATE "C",
    is_flapping          bigint NOT NULL DEFAULT 0,
    -- The latest changes of its state, comma-separated, the oldest first.
    changes              text COLLATE "C" NOT NULL DEFAULT '',
    updated_at           bigint NOT NULL,
    PRIMARY KEY (phone, position),
    FOREIGN KEY (phone, position) REFERENCES lines (phone, position) ON DELETE CASCADE
);
CREATE INDEX line_status_by_end ON line_status (registered_until) WHERE registered_until IS NOT NULL;

-- What happened to each line. An error that repeats is counted.
CREATE TABLE line_history (
    id          text COLLATE "C" PRIMARY KEY,
    phone       text COLLATE "C" NOT NULL,
    position    bigint NOT NULL,
    line        text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('state', 'error')),
    code        text COLLATE "C" NOT NULL,
    first_at    bigint NOT NULL,
    last_at     bigint NOT NULL,
    count       bigint NOT NULL,
    source      text COLLATE "C",
    transport   text COLLATE "C",
    user_agent  text COLLATE "C",
    method      text COLLATE "C",
    -- Lists treat entries as records.
    version     bigint GENERATED ALWAYS AS (1) STORED,
    created_at  bigint GENERATED ALWAYS AS (first_at) STORED,
    updated_at  bigint GENERATED ALWAYS AS (last_at) STORED,
    FOREIGN KEY (phone, position) REFERENCES lines (phone, position) ON DELETE CASCADE
);
CREATE INDEX line_history_by_line ON line_history (line, id);
CREATE INDEX line_history_of_phones ON line_history (phone, position);
CREATE INDEX line_history_by_time ON line_history (last_at);

-- Names nobody has that somebody tried, those tried last.
CREATE TABLE line_strangers (
    id          text COLLATE "C" PRIMARY KEY,
    name        text COLLATE "C" NOT NULL UNIQUE,
    number      text COLLATE "C",
    reason      text COLLATE "C" NOT NULL,
    count       bigint NOT NULL,
    first_at    bigint NOT NULL,
    last_at     bigint NOT NULL,
    source      text COLLATE "C",
    transport   text COLLATE "C",
    user_agent  text COLLATE "C",
    method      text COLLATE "C",
    version     bigint GENERATED ALWAYS AS (1) STORED,
    created_at  bigint GENERATED ALWAYS AS (first_at) STORED,
    updated_at  bigint GENERATED ALWAYS AS (last_at) STORED
);
CREATE INDEX line_strangers_by_time ON line_strangers (last_at);

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

-- How lines stand is kept in memory where it was last seen: other nodes let go of it when the state or the latest error is
-- another. Times and counts tell nobody.
CREATE FUNCTION tell_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_nodes('line', string_agg(phone, E'\n')) FROM (
        SELECT phone, row_number() OVER (ORDER BY phone) / 200 AS part FROM (SELECT DISTINCT phone FROM written) AS phones
    ) AS parts GROUP BY part;
    RETURN NULL;
END
$$;
CREATE FUNCTION tell_changed_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_nodes('line', string_agg(phone, E'\n')) FROM (
        SELECT phone, row_number() OVER (ORDER BY phone) / 200 AS part FROM (
            SELECT DISTINCT written.phone FROM written JOIN before USING (phone, position)
            WHERE (written.state, written.code, written.cause, written.since, written.error, written.error_count)
                IS DISTINCT FROM (before.state, before.code, before.cause, before.since, before.error, before.error_count)
        ) AS phones
    ) AS parts GROUP BY part;
    RETURN NULL;
END
$$;
CREATE TRIGGER line_status_added_told AFTER INSERT ON line_status REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tell_lines();
CREATE TRIGGER line_status_changed_told AFTER UPDATE ON line_status REFERENCING OLD TABLE AS before NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_lines();

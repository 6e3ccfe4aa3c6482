-- The schema as SQLite's migrations up to 0050, and 0070, make it; the others have a migration here of the same number.
-- Instants are milliseconds since 1970-01-01T00:00:00Z, flags 1 and 0, identifiers the text of version 7 UUIDs. Texts are
-- ordered by their octets, as in SQLite. A unique column's constraint is named table_column_key: so is told what is taken.

-- Two things of SQLite that the statements use.
CREATE FUNCTION json_each(document text) RETURNS TABLE (key bigint, value text)
    LANGUAGE sql IMMUTABLE STRICT ROWS 100
    AS $$ SELECT place - 1, item FROM json_array_elements_text(document::json) WITH ORDINALITY AS items (item, place) $$;

CREATE FUNCTION json_at(document text, place integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT document::json ->> place $$;

CREATE OPERATOR ->> (LEFTARG = text, RIGHTARG = integer, FUNCTION = json_at);

CREATE TABLE installation (
    name   text COLLATE "C" PRIMARY KEY,
    value  text COLLATE "C" NOT NULL
);

CREATE TABLE device_templates (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL DEFAULT 0,
    updated_at   bigint NOT NULL DEFAULT 0,
    name         text COLLATE "C" NOT NULL UNIQUE,
    description  text COLLATE "C" NOT NULL DEFAULT '',
    -- A pattern with variables, for example "{model} of {user_name}".
    phone_name   text COLLATE "C" NOT NULL,
    -- Canonical phone settings, as JSON.
    settings     text COLLATE "C" NOT NULL DEFAULT '{}',
    -- How SIP travels, 'udp' or 'tcp'.
    transport    text COLLATE "C" NOT NULL DEFAULT 'udp'
);

CREATE TABLE line_templates (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL DEFAULT 0,
    updated_at   bigint NOT NULL DEFAULT 0,
    name         text COLLATE "C" NOT NULL UNIQUE,
    description  text COLLATE "C" NOT NULL DEFAULT '',
    label        text COLLATE "C" NOT NULL,
    display      text COLLATE "C" NOT NULL
);

CREATE TABLE user_profiles (
    id                  text COLLATE "C" PRIMARY KEY,
    version             bigint NOT NULL DEFAULT 1,
    created_at          bigint NOT NULL DEFAULT 0,
    updated_at          bigint NOT NULL DEFAULT 0,
    name                text COLLATE "C" NOT NULL UNIQUE,
    description         text COLLATE "C" NOT NULL DEFAULT '',
    is_default          bigint NOT NULL DEFAULT 0,
    desk_template       text COLLATE "C" REFERENCES device_templates (id),
    mobile_template     text COLLATE "C" REFERENCES device_templates (id),
    remote_template     text COLLATE "C" REFERENCES device_templates (id),
    line_template       text COLLATE "C" REFERENCES line_templates (id),
    allow_provisioning  bigint NOT NULL DEFAULT 0,
    device_limit        bigint NOT NULL DEFAULT 10 CHECK (device_limit BETWEEN 0 AND 20)
);
CREATE UNIQUE INDEX user_profiles_is_default_key ON user_profiles (is_default) WHERE is_default = 1;

CREATE TABLE users (
    id                    text COLLATE "C" PRIMARY KEY,
    version               bigint NOT NULL DEFAULT 1,
    created_at            bigint NOT NULL,
    updated_at            bigint NOT NULL DEFAULT 0,
    user_id               text COLLATE "C" NOT NULL UNIQUE,
    self_service_id       text COLLATE "C" NOT NULL UNIQUE,
    name                  text COLLATE "C" NOT NULL,
    given_name            text COLLATE "C" NOT NULL DEFAULT '',
    family_name           text COLLATE "C" NOT NULL DEFAULT '',
    mail                  text COLLATE "C" NOT NULL DEFAULT '',
    locale                text COLLATE "C",
    status                text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    pin_hash              text COLLATE "C",
    -- A PIN or password of an import, sealed until it is hashed.
    sealed_pin            text COLLATE "C",
    pin_set_at            bigint,
    pin_must_change       bigint NOT NULL DEFAULT 0,
    password_hash         text COLLATE "C",
    sealed_password       text COLLATE "C",
    password_set_at       bigint,
    password_must_change  bigint NOT NULL DEFAULT 0,
    primary_extension     text COLLATE "C",
    profile               text COLLATE "C" REFERENCES user_profiles (id)
);
CREATE INDEX users_by_extension ON users (primary_extension);
CREATE INDEX users_with_sealed_pin ON users (id) WHERE sealed_pin IS NOT NULL;
CREATE INDEX users_with_sealed_password ON users (id) WHERE sealed_password IS NOT NULL;

CREATE TABLE phones (
    id                     text COLLATE "C" PRIMARY KEY,
    version                bigint NOT NULL DEFAULT 1,
    created_at             bigint NOT NULL,
    seen_at                bigint NOT NULL,
    updated_at             bigint GENERATED ALWAYS AS (seen_at) STORED,
    -- quarantine: has a temporary number. enrolled: belongs to a user. released: neither any more.
    state                  text COLLATE "C" NOT NULL CHECK (state IN ('quarantine', 'enrolled', 'released')),
    mac                    text COLLATE "C",
    vendor                 text COLLATE "C" NOT NULL,
    model                  text COLLATE "C",
    name                   text COLLATE "C" NOT NULL DEFAULT '',
    "user"                 text COLLATE "C" REFERENCES users (id),
    device_template        text COLLATE "C" REFERENCES device_templates (id),
    -- What it authenticates as; its own, whatever number it has. For a phone that takes no configuration, the name it chose.
    auth_name              text COLLATE "C" NOT NULL UNIQUE,
    -- Sealed with the key outside the database. None for a phone that takes no configuration.
    sealed_secret          text COLLATE "C",
    -- The secret before the last bind, good until the phone has fetched the new one.
    sealed_old_secret      text COLLATE "C",
    -- The password of the phone's own administrator. None until it is somebody's.
    sealed_admin_password  text COLLATE "C",
    -- Digest algorithms offered, in order, comma-separated.
    algorithms             text COLLATE "C" NOT NULL DEFAULT 'MD5',
    transport              text COLLATE "C" NOT NULL DEFAULT 'udp',
    -- SHA-256 of the tokens in its private configuration URLs: the one in use, and the one before until the next push is done.
    token_hash             text COLLATE "C" UNIQUE,
    old_token_hash         text COLLATE "C" UNIQUE,
    -- 1 while the secrets may be fetched (once).
    push_pending           bigint NOT NULL DEFAULT 0,
    -- The address it was first seen at.
    source                 text COLLATE "C" NOT NULL,
    -- When it was released: its record is kept for a time and then forgotten.
    released_at            bigint,
    -- 1: look what has changed for this phone. 2: it is to fetch its configuration in any case.
    outdated               bigint NOT NULL DEFAULT 0,
    -- Since when it is to fetch a configuration that has changed. None once it has.
    push_due               bigint,
    -- Numbers it had and may still be using, comma-separated: they ring on it no more, but it can be told there.
    former_numbers         text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX phones_by_mac ON phones (mac);
CREATE INDEX phones_by_user ON phones ("user");
CREATE INDEX phones_by_release ON phones (released_at) WHERE released_at IS NOT NULL;
CREATE INDEX phones_outdated ON phones (outdated) WHERE outdated > 0;
CREATE INDEX phones_push_due ON phones (push_due) WHERE push_due IS NOT NULL;
CREATE INDEX phones_by_device_template ON phones (device_template);

CREATE TABLE lines (
    phone        text COLLATE "C" NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    position     bigint NOT NULL,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL DEFAULT 0,
    updated_at   bigint NOT NULL DEFAULT 0,
    number       text COLLATE "C" NOT NULL,
    label        text COLLATE "C" NOT NULL,
    display      text COLLATE "C" NOT NULL,
    -- What an administrator gave this line goes before the template's.
    own_label    text COLLATE "C",
    own_display  text COLLATE "C",
    PRIMARY KEY (phone, position)
);
CREATE INDEX lines_by_number ON lines (number);

-- Temporary numbers in use. One given back stays here, cooling, until its old holder can no longer be using it.
CREATE TABLE leases (
    number         text COLLATE "C" PRIMARY KEY,
    phone          text COLLATE "C" NOT NULL UNIQUE REFERENCES phones (id) ON DELETE CASCADE,
    leased_at      bigint NOT NULL,
    cooling_until  bigint
);

-- Where phones are registered: the table of Kamailio's usrloc (its schema 9, use_domain 0, instants without zone in UTC), so
-- that its proxies route on what is registered here and the other way round. Programs look for its schema in "version".
-- What changes with every refresh is in no index: such a row is rewritten in its place.
CREATE TABLE version (
    table_name     varchar(32) PRIMARY KEY,
    table_version  integer NOT NULL DEFAULT 0
);
CREATE TABLE location (
    id             serial PRIMARY KEY,
    -- Ours: "tsunagu-", the phone's identifier in hexadecimal, "-" and a mark of the binding.
    ruid           varchar(64) COLLATE "C" NOT NULL DEFAULT '' CONSTRAINT location_ruid_idx UNIQUE,
    username       varchar(64) COLLATE "C" NOT NULL DEFAULT '',
    domain         varchar(64) DEFAULT NULL,
    contact        varchar(512) COLLATE "C" NOT NULL DEFAULT '',
    received       varchar(128) DEFAULT NULL,
    -- Longer than Kamailio makes it: as long as a Path may be that is taken.
    path           varchar(2048) DEFAULT NULL,
    expires        timestamp NOT NULL DEFAULT '2030-05-28 21:32:15',
    q              real NOT NULL DEFAULT 1.0,
    callid         varchar(255) NOT NULL DEFAULT 'Default-Call-ID',
    cseq           integer NOT NULL DEFAULT 1,
    last_modified  timestamp NOT NULL DEFAULT '2000-01-01 00:00:01',
    flags          integer NOT NULL DEFAULT 0,
    cflags         integer NOT NULL DEFAULT 0,
    user_agent     varchar(255) NOT NULL DEFAULT '',
    socket         varchar(64) DEFAULT NULL,
    methods        integer DEFAULT NULL,
    instance       varchar(255) DEFAULT NULL,
    reg_id         integer NOT NULL DEFAULT 0,
    server_id      integer NOT NULL DEFAULT 0,
    connection_id  integer NOT NULL DEFAULT 0,
    keepalive      integer NOT NULL DEFAULT 0,
    partition      integer NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
CREATE INDEX location_account_contact_idx ON location (username, contact);
INSERT INTO version (table_name, table_version) VALUES ('location', 9);

CREATE TABLE enrolments (
    id          text COLLATE "C" PRIMARY KEY,
    version     bigint NOT NULL DEFAULT 1,
    phone       text COLLATE "C" NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
    "user"      text COLLATE "C" REFERENCES users (id),
    -- The name its user logs in with, for when there is no such user any more.
    user_id     text COLLATE "C",
    language    text COLLATE "C",
    started_at  bigint NOT NULL,
    bound_at    bigint,
    ended_at    bigint,
    ending      text COLLATE "C",
    -- What the phone was before the bind, as JSON: an enrolment that is undone makes it that again.
    former      text COLLATE "C",
    created_at  bigint GENERATED ALWAYS AS (started_at) STORED,
    updated_at  bigint GENERATED ALWAYS AS (COALESCE(ended_at, bound_at, started_at)) STORED
);
CREATE INDEX enrolments_by_phone ON enrolments (phone);
CREATE INDEX enrolments_by_user ON enrolments ("user") WHERE "user" IS NOT NULL;
CREATE INDEX enrolments_by_end ON enrolments (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX one_open_enrolment ON enrolments (phone) WHERE ended_at IS NULL;

CREATE TABLE enrolment_steps (
    enrolment  text COLLATE "C" NOT NULL REFERENCES enrolments (id) ON DELETE CASCADE,
    sequence   bigint NOT NULL,
    at         bigint NOT NULL,
    step       text COLLATE "C" NOT NULL,
    detail     text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (enrolment, sequence)
);

-- Wrong credentials, by user, by device and over all.
CREATE TABLE lockouts (
    scope         text COLLATE "C" NOT NULL,
    subject       text COLLATE "C" NOT NULL,
    failures      bigint NOT NULL,
    last_at       bigint NOT NULL,
    times_locked  bigint NOT NULL,
    locked_until  bigint,
    PRIMARY KEY (scope, subject)
);

-- Lockouts in force. Which ID was keyed in is not kept, only a mark of it.
CREATE VIEW current_lockouts AS
    SELECT CASE scope
            WHEN 'user' THEN 'user-' || substr(subject, 1, 32)
            WHEN 'phone' THEN 'phone-' || encode(convert_to(subject, 'UTF8'), 'hex')
            ELSE scope
        END AS id,
        1 AS version, last_at AS created_at, last_at AS updated_at,
        scope, subject, failures, times_locked, last_at, locked_until
    FROM lockouts WHERE locked_until > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint);

-- What a new user is made from: a profile, and what else a group of new users shares.
CREATE TABLE feature_group_templates (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    name         text COLLATE "C" NOT NULL UNIQUE,
    description  text COLLATE "C" NOT NULL DEFAULT '',
    profile      text COLLATE "C" REFERENCES user_profiles (id),
    locale       text COLLATE "C"
);

-- Programs that control calls.
CREATE TABLE application_users (
    id               text COLLATE "C" PRIMARY KEY,
    version          bigint NOT NULL DEFAULT 1,
    created_at       bigint NOT NULL,
    updated_at       bigint NOT NULL,
    name             text COLLATE "C" NOT NULL UNIQUE,
    description      text COLLATE "C" NOT NULL DEFAULT '',
    -- The role "standard CTI enabled".
    cti_enabled      bigint NOT NULL DEFAULT 0,
    password_hash    text COLLATE "C",
    password_set_at  bigint
);

CREATE TABLE route_points (
    id                text COLLATE "C" PRIMARY KEY,
    version           bigint NOT NULL DEFAULT 1,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    name              text COLLATE "C" NOT NULL UNIQUE,
    description       text COLLATE "C" NOT NULL DEFAULT '',
    -- JSON arrays: directory numbers; codecs, the preferred first.
    numbers           text COLLATE "C" NOT NULL DEFAULT '[]',
    codecs            text COLLATE "C" NOT NULL DEFAULT '["PCMU","PCMA","G722","L16"]',
    -- The greatest number of calls at once.
    calls             bigint NOT NULL DEFAULT 5000 CHECK (calls BETWEEN 1 AND 5000),
    application_user  text COLLATE "C" REFERENCES application_users (id)
);

CREATE TABLE number_pools (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    name         text COLLATE "C" NOT NULL UNIQUE,
    description  text COLLATE "C" NOT NULL DEFAULT '',
    first        text COLLATE "C" NOT NULL,
    last         text COLLATE "C" NOT NULL
);

CREATE TABLE directory_numbers (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    number       text COLLATE "C" NOT NULL UNIQUE,
    description  text COLLATE "C" NOT NULL DEFAULT '',
    pool         text COLLATE "C" REFERENCES number_pools (id)
);

-- Hardware addresses of phones that only one user may claim. The claim ends the reservation.
CREATE TABLE phone_reservations (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    mac          text COLLATE "C" NOT NULL UNIQUE,
    "user"       text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    description  text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX phone_reservations_by_user ON phone_reservations ("user");

-- Bearer tokens, by hash.
CREATE TABLE tokens (
    id            text COLLATE "C" PRIMARY KEY,
    version       bigint NOT NULL DEFAULT 1,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    name          text COLLATE "C" NOT NULL UNIQUE,
    role          text COLLATE "C" NOT NULL CHECK (role IN ('view', 'operate', 'administer', 'cti')),
    hash          text COLLATE "C" NOT NULL UNIQUE,
    expires_at    bigint,
    last_used_at  bigint
);

-- Answers to writes that carried an idempotency key. The body is sealed: it may hold a secret shown once.
CREATE TABLE idempotency_keys (
    token        text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    fingerprint  text COLLATE "C" NOT NULL,
    created_at   bigint NOT NULL,
    -- None while the first request with this key is being carried out.
    status       bigint,
    version      text COLLATE "C",
    body         text COLLATE "C",
    PRIMARY KEY (token, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The settings of self-provisioning (one row) as an administrator keeps them. The service runs on those it was started with.
CREATE TABLE self_provisioning (
    id                text COLLATE "C" PRIMARY KEY,
    version           bigint NOT NULL DEFAULT 1,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    name              text COLLATE "C" NOT NULL UNIQUE,
    active            bigint NOT NULL,
    authentication    text COLLATE "C" NOT NULL,
    code_hash         text COLLATE "C",
    code_set_at       bigint,
    route_point       text COLLATE "C" REFERENCES route_points (id),
    application_user  text COLLATE "C" REFERENCES application_users (id),
    ports             bigint NOT NULL,
    -- The conversation, as JSON.
    dialogue          text COLLATE "C" NOT NULL
);

-- The newest generation of a service: every node runs it.
CREATE TABLE service_runs (
    name        text COLLATE "C" PRIMARY KEY,
    generation  bigint NOT NULL,
    -- How running conversations were met.
    mode        text COLLATE "C" NOT NULL
);

-- The settings of auto-registration (one row) as an administrator keeps them.
CREATE TABLE auto_registration (
    id                          text COLLATE "C" PRIMARY KEY,
    version                     bigint NOT NULL DEFAULT 1,
    created_at                  bigint NOT NULL,
    updated_at                  bigint NOT NULL,
    name                        text COLLATE "C" NOT NULL UNIQUE,
    enabled                     bigint NOT NULL,
    first                       text COLLATE "C" NOT NULL,
    last                        text COLLATE "C" NOT NULL,
    device_template             text COLLATE "C" REFERENCES device_templates (id),
    -- A JSON array of CIDR texts.
    networks                    text COLLATE "C" NOT NULL,
    lease_seconds               bigint NOT NULL,
    first_registration_seconds  bigint NOT NULL,
    cooling_seconds             bigint NOT NULL,
    alarm_percent               bigint NOT NULL,
    per_address_per_minute      bigint NOT NULL,
    numbers_per_address         bigint NOT NULL
);

-- What PINs and passwords must be like (one row).
CREATE TABLE credential_policy (
    id                   text COLLATE "C" PRIMARY KEY,
    version              bigint NOT NULL DEFAULT 1,
    created_at           bigint NOT NULL,
    updated_at           bigint NOT NULL,
    name                 text COLLATE "C" NOT NULL UNIQUE,
    pin_digits           bigint NOT NULL,
    refuse_trivial_pins  bigint NOT NULL,
    pin_days             bigint NOT NULL,
    password_characters  bigint NOT NULL
);

-- What takes longer than a request: imports.
CREATE TABLE jobs (
    id           text COLLATE "C" PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 1,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    -- The kind of record.
    records      text COLLATE "C" NOT NULL,
    state        text COLLATE "C" NOT NULL CHECK (state IN
        ('waiting', 'checking', 'writing', 'done', 'refused', 'cancelled', 'interrupted', 'failed')),
    mode         text COLLATE "C" NOT NULL,
    on_existing  text COLLATE "C" NOT NULL,
    dry_run      bigint NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    -- The node that has the job's file.
    node         text COLLATE "C" NOT NULL DEFAULT '',
    -- Rows: how many there are, how many were looked at, and what came of those.
    total        bigint NOT NULL DEFAULT 0,
    done         bigint NOT NULL DEFAULT 0,
    added        bigint NOT NULL DEFAULT 0,
    changed      bigint NOT NULL DEFAULT 0,
    unchanged    bigint NOT NULL DEFAULT 0,
    skipped      bigint NOT NULL DEFAULT 0,
    refused      bigint NOT NULL DEFAULT 0,
    -- The line of the file the last of those rows begins on.
    line         bigint NOT NULL DEFAULT 0,
    faults       bigint NOT NULL DEFAULT 0,
    started_at   bigint,
    ended_at     bigint
);
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_faults (
    job            text COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number         bigint NOT NULL,
    line           bigint NOT NULL,
    -- Counted from 1; none where it is the row as a whole.
    column_number  bigint,
    field          text COLLATE "C",
    code           text COLLATE "C" NOT NULL,
    detail         text COLLATE "C" NOT NULL,
    -- What the words of a language need, as a JSON object of texts.
    arguments      text COLLATE "C" NOT NULL,
    PRIMARY KEY (job, number)
);

-- Who changed what: the record before and after, its secrets masked.
CREATE TABLE audit (
    id          text COLLATE "C" PRIMARY KEY,
    version     bigint NOT NULL DEFAULT 1,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    -- Who made a change: the bearer of a token, a user at a phone, a phone by itself, the program.
    actor_kind  text COLLATE "C" NOT NULL DEFAULT 'token',
    actor       text COLLATE "C" NOT NULL,
    source      text COLLATE "C" NOT NULL,
    action      text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    record      text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    -- JSON; null where there was no record.
    before      text COLLATE "C" NOT NULL,
    after       text COLLATE "C" NOT NULL
);
CREATE INDEX audit_by_record ON audit (record);
CREATE INDEX audit_of_phones ON audit (created_at) WHERE actor_kind = 'phone';

-- Everything that happened, in the order it was committed: what subscribers read and resume in. The sequence never
-- repeats, whatever is deleted, and has no holes: a transaction that is rolled back takes its numbers back, as a sequence of
-- PostgreSQL's own would not, and whoever writes has the others wait, so that numbers come in the order of the commits.
CREATE TABLE newest_event (
    sequence  bigint NOT NULL
);
INSERT INTO newest_event VALUES (0);

CREATE TABLE events (
    sequence    bigint PRIMARY KEY,
    at          bigint NOT NULL,
    severity    text COLLATE "C" NOT NULL CHECK (severity IN ('info', 'warning', 'alarm')),
    type        text COLLATE "C" NOT NULL,
    -- The identifier of what it is about; empty for the server itself.
    subject     text COLLATE "C" NOT NULL,
    -- JSON, by type.
    data        text COLLATE "C" NOT NULL,
    -- Lists treat events as records.
    id          text COLLATE "C" GENERATED ALWAYS AS (CAST(sequence AS text)) STORED,
    version     bigint GENERATED ALWAYS AS (1) STORED,
    created_at  bigint GENERATED ALWAYS AS (at) STORED,
    updated_at  bigint GENERATED ALWAYS AS (at) STORED
);

CREATE FUNCTION number_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE newest_event SET sequence = sequence + 1 RETURNING sequence INTO NEW.sequence;
    RETURN NEW;
END
$$;
CREATE TRIGGER events_numbered BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION number_event();

-- What is long past doesn't keep a user from being deleted.
CREATE FUNCTION forget_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE enrolments SET "user" = NULL WHERE "user" = OLD.id AND ended_at IS NOT NULL;
    RETURN OLD;
END
$$;
CREATE TRIGGER users_deleted BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION forget_user();

-- What a change of the directory means to phones that are set up already: marked by whoever writes it, in the same transaction.
CREATE FUNCTION mark_phones_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE phones SET outdated = greatest(outdated, 1) WHERE "user" = NEW.id AND state = 'enrolled';
    RETURN NULL;
END
$$;
CREATE TRIGGER users_changed AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.user_id, OLD.name, OLD.primary_extension, OLD.profile, OLD.status)
        IS DISTINCT FROM (NEW.user_id, NEW.name, NEW.primary_extension, NEW.profile, NEW.status))
    EXECUTE FUNCTION mark_phones_of_user();

CREATE FUNCTION mark_phones_of_profile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE phones SET outdated = greatest(outdated, 1) WHERE state = 'enrolled' AND "user" IN (
        SELECT id FROM users
        WHERE profile = NEW.id OR (profile IS NULL AND (OLD.is_default = 1 OR NEW.is_default = 1))
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER user_profiles_changed AFTER UPDATE ON user_profiles FOR EACH ROW
    WHEN ((OLD.desk_template, OLD.line_template, OLD.is_default)
        IS DISTINCT FROM (NEW.desk_template, NEW.line_template, NEW.is_default))
    EXECUTE FUNCTION mark_phones_of_profile();

CREATE FUNCTION mark_phones_without_profile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE phones SET outdated = greatest(outdated, 1)
    WHERE state = 'enrolled' AND "user" IN (SELECT id FROM users WHERE profile IS NULL);
    RETURN NULL;
END
$$;
CREATE TRIGGER default_profile_added AFTER INSERT ON user_profiles FOR EACH ROW WHEN (NEW.is_default = 1)
    EXECUTE FUNCTION mark_phones_without_profile();
CREATE TRIGGER default_profile_deleted AFTER DELETE ON user_profiles FOR EACH ROW WHEN (OLD.is_default = 1)
    EXECUTE FUNCTION mark_phones_without_profile();

CREATE FUNCTION mark_phones_of_device_template() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE phones SET outdated = greatest(outdated, CASE WHEN OLD.settings = NEW.settings THEN 1 ELSE 2 END)
    WHERE device_template = NEW.id AND state = 'enrolled';
    RETURN NULL;
END
$$;
CREATE TRIGGER device_templates_changed AFTER UPDATE ON device_templates FOR EACH ROW
    WHEN ((OLD.phone_name, OLD.transport, OLD.settings) IS DISTINCT FROM (NEW.phone_name, NEW.transport, NEW.settings))
    EXECUTE FUNCTION mark_phones_of_device_template();

CREATE FUNCTION mark_phones_of_line_template() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE phones SET outdated = greatest(outdated, 1) WHERE state = 'enrolled' AND "user" IN (
        SELECT users.id FROM users JOIN user_profiles
            ON user_profiles.id = users.profile OR (users.profile IS NULL AND user_profiles.is_default = 1)
        WHERE user_profiles.line_template = NEW.id
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER line_templates_changed AFTER UPDATE ON line_templates FOR EACH ROW
    WHEN ((OLD.label, OLD.display) IS DISTINCT FROM (NEW.label, NEW.display))
    EXECUTE FUNCTION mark_phones_of_line_template();

-- What nodes keep in memory: whoever changes it tells the others, as "node kind subject", with the commit.
CREATE FUNCTION tell_nodes(kind text, subject text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('tsunagu', replace(current_setting('application_name'), ' ', '-') || ' ' || kind || ' ' || subject)
$$;

-- Accounts: phones, their numbers, and whether their users are active.
CREATE FUNCTION tell_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM tell_nodes('account', OLD.id); ELSE PERFORM tell_nodes('account', NEW.id); END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER phones_told AFTER INSERT OR DELETE ON phones FOR EACH ROW EXECUTE FUNCTION tell_account();
CREATE TRIGGER phone_told AFTER UPDATE ON phones FOR EACH ROW
    WHEN ((OLD.state, OLD.auth_name, OLD.sealed_secret, OLD.sealed_old_secret, OLD.algorithms, OLD.source, OLD.former_numbers)
        IS DISTINCT FROM
        (NEW.state, NEW.auth_name, NEW.sealed_secret, NEW.sealed_old_secret, NEW.algorithms, NEW.source, NEW.former_numbers)
        OR OLD."user" IS DISTINCT FROM NEW."user")
    EXECUTE FUNCTION tell_account();

CREATE FUNCTION tell_account_of_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM tell_nodes('account', OLD.phone); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM tell_nodes('account', NEW.phone); END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER leases_told AFTER INSERT OR UPDATE OR DELETE ON leases
    FOR EACH ROW EXECUTE FUNCTION tell_account_of_number();
CREATE TRIGGER lines_told AFTER INSERT OR UPDATE OR DELETE ON lines
    FOR EACH ROW EXECUTE FUNCTION tell_account_of_number();

CREATE FUNCTION tell_accounts_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_nodes('account', phones.id) FROM phones WHERE phones."user" = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER users_told AFTER UPDATE ON users FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION tell_accounts_of_user();

-- Who is registered where, also by other programs than nodes, which tell nobody themselves. A refresh tells nothing: who knows
-- of an end looks again when it comes.
CREATE FUNCTION tell_of_location(names text) RETURNS void LANGUAGE sql AS $$
    SELECT tell_nodes(
        CASE WHEN current_setting('application_name') LIKE 'tsunagu-%' THEN 'location' ELSE 'location-elsewhere' END, names)
$$;
CREATE FUNCTION tell_locations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A piece of news has room for 8,000 octets.
    PERFORM tell_of_location(string_agg(username, E'\n')) FROM (
        SELECT username, row_number() OVER (ORDER BY username) / 25 AS part FROM (SELECT DISTINCT username FROM written) AS names
    ) AS parts GROUP BY part;
    RETURN NULL;
END
$$;
CREATE FUNCTION tell_changed_locations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_of_location(string_agg(username, E'\n')) FROM (
        SELECT username, row_number() OVER (ORDER BY username) / 25 AS part FROM (
            SELECT DISTINCT written.username FROM written JOIN before USING (id)
            WHERE (written.ruid, written.username, written.contact, written.reg_id)
                <> (before.ruid, before.username, before.contact, before.reg_id)
                OR written.expires < before.expires
                OR (written.received, written.path, written.socket, written.instance)
                    IS DISTINCT FROM (before.received, before.path, before.socket, before.instance)
        ) AS names
    ) AS parts GROUP BY part;
    RETURN NULL;
END
$$;
CREATE TRIGGER location_added_told AFTER INSERT ON location REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tell_locations();
CREATE TRIGGER location_removed_told AFTER DELETE ON location REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tell_locations();
CREATE TRIGGER location_changed_told AFTER UPDATE ON location REFERENCING OLD TABLE AS before NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_locations();

-- Which enrolment each phone is in.
CREATE FUNCTION tell_enrolment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM tell_nodes('enrolment', OLD.phone); ELSE PERFORM tell_nodes('enrolment', NEW.phone); END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER enrolments_told AFTER INSERT OR DELETE OR UPDATE OF ended_at ON enrolments
    FOR EACH ROW EXECUTE FUNCTION tell_enrolment();

-- Settings in force, and services restarted.
CREATE FUNCTION tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_nodes(TG_ARGV[0], '');
    RETURN NULL;
END
$$;
CREATE TRIGGER auto_registration_told AFTER INSERT OR UPDATE ON auto_registration
    FOR EACH STATEMENT EXECUTE FUNCTION tell_change('auto-registration');
CREATE TRIGGER service_runs_told AFTER INSERT OR UPDATE ON service_runs
    FOR EACH STATEMENT EXECUTE FUNCTION tell_change('service');

-- New events, for who follows them.
CREATE TRIGGER events_told AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION tell_change('event');

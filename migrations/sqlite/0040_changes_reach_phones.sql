-- What a change of the directory means to phones that are set up already.

-- 1: look what has changed for this phone. 2: it is to fetch its configuration in any case.
ALTER TABLE phones ADD COLUMN outdated INTEGER NOT NULL DEFAULT 0;
-- Since when it is to fetch a configuration that has changed. None once it has.
ALTER TABLE phones ADD COLUMN push_due INTEGER;
-- Numbers it had and may still be using, comma-separated: they ring on it no more, but it can be told there.
ALTER TABLE phones ADD COLUMN former_numbers TEXT NOT NULL DEFAULT '';
CREATE INDEX phones_outdated ON phones (outdated) WHERE outdated > 0;
CREATE INDEX phones_push_due ON phones (push_due) WHERE push_due IS NOT NULL;
CREATE INDEX phones_by_device_template ON phones (device_template);

-- Marked by whoever writes the directory, in the same transaction.
CREATE TRIGGER users_changed AFTER UPDATE ON users
WHEN (OLD.user_id, OLD.name, OLD.primary_extension, OLD.profile, OLD.status)
    IS NOT (NEW.user_id, NEW.name, NEW.primary_extension, NEW.profile, NEW.status)
BEGIN
    UPDATE phones SET outdated = max(outdated, 1) WHERE user = NEW.id AND state = 'enrolled';
END;

CREATE TRIGGER user_profiles_changed AFTER UPDATE ON user_profiles
WHEN (OLD.desk_template, OLD.line_template, OLD.is_default) IS NOT (NEW.desk_template, NEW.line_template, NEW.is_default)
BEGIN
    UPDATE phones SET outdated = max(outdated, 1) WHERE state = 'enrolled' AND user IN (
        SELECT id FROM users
        WHERE profile = NEW.id OR (profile IS NULL AND (OLD.is_default = 1 OR NEW.is_default = 1))
    );
END;

CREATE TRIGGER default_profile_added AFTER INSERT ON user_profiles WHEN NEW.is_default = 1
BEGIN
    UPDATE phones SET outdated = max(outdated, 1)
    WHERE state = 'enrolled' AND user IN (SELECT id FROM users WHERE profile IS NULL);
END;

CREATE TRIGGER default_profile_deleted AFTER DELETE ON user_profiles WHEN OLD.is_default = 1
BEGIN
    UPDATE phones SET outdated = max(outdated, 1)
    WHERE state = 'enrolled' AND user IN (SELECT id FROM users WHERE profile IS NULL);
END;

CREATE TRIGGER device_templates_changed AFTER UPDATE ON device_templates
WHEN (OLD.phone_name, OLD.transport, OLD.settings) IS NOT (NEW.phone_name, NEW.transport, NEW.settings)
BEGIN
    UPDATE phones SET outdated = max(outdated, iif(OLD.settings = NEW.settings, 1, 2))
    WHERE device_template = NEW.id AND state = 'enrolled';
END;

CREATE TRIGGER line_templates_changed AFTER UPDATE ON line_templates
WHEN (OLD.label, OLD.display) IS NOT (NEW.label, NEW.display)
BEGIN
    UPDATE phones SET outdated = max(outdated, 1) WHERE state = 'enrolled' AND user IN (
        SELECT users.id FROM users JOIN user_profiles
            ON user_profiles.id = users.profile OR (users.profile IS NULL AND user_profiles.is_default = 1)
        WHERE user_profiles.line_template = NEW.id
    );
END;

-- Lines are records too. A label or display an administrator gave one goes before the template's.
ALTER TABLE lines ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE lines ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lines ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lines ADD COLUMN own_label TEXT;
ALTER TABLE lines ADD COLUMN own_display TEXT;

CREATE VIEW line_records AS
    SELECT lines.phone || '-' || lines.position AS id, lines.version, lines.created_at, lines.updated_at,
        lines.phone, lines.position, lines.number, lines.label, lines.display,
        lines.own_label IS NOT NULL AS has_own_label, lines.own_display IS NOT NULL AS has_own_display,
        users.user_id AS user, phones.mac, phones.name AS phone_name
    FROM lines JOIN phones ON phones.id = lines.phone LEFT JOIN users ON users.id = phones.user;

-- What the phone was before the bind, as JSON: an enrolment that is undone makes it that again.
ALTER TABLE enrolments ADD COLUMN former TEXT;
-- The name its user logs in with, for when there is no such user any more.
ALTER TABLE enrolments ADD COLUMN user_id TEXT;
UPDATE enrolments SET user_id = (SELECT users.user_id FROM users WHERE users.id = enrolments.user);
-- What is long past doesn't keep a user from being deleted.
CREATE TRIGGER users_deleted BEFORE DELETE ON users
BEGIN
    UPDATE enrolments SET user = NULL WHERE user = OLD.id AND ended_at IS NOT NULL;
END;

-- Who made a change: the bearer of a token, a user at a phone, a phone by itself, the program.
ALTER TABLE audit ADD COLUMN actor_kind TEXT NOT NULL DEFAULT 'token';
UPDATE audit SET actor_kind = 'program' WHERE source = '';
-- What phones do by themselves is forgotten with their records.
CREATE INDEX audit_of_phones ON audit (created_at) WHERE actor_kind = 'phone';

-- Lockouts in force. Which ID was keyed in is not kept, only a mark of it.
CREATE VIEW current_lockouts AS
    SELECT CASE scope
            WHEN 'user' THEN 'user-' || substr(subject, 1, 32)
            WHEN 'phone' THEN 'phone-' || lower(hex(subject))
            ELSE scope
        END AS id,
        1 AS version, last_at AS created_at, last_at AS updated_at,
        scope, subject, failures, times_locked, last_at, locked_until
    FROM lockouts WHERE locked_until > CAST(unixepoch('subsec') * 1000 AS INTEGER);

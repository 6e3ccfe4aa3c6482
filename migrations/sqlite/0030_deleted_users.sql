-- Somebody who has had a phone set up can be deleted: the record of it stays, and is nobody's any more.
CREATE TRIGGER deleted_users BEFORE DELETE ON users BEGIN
    UPDATE enrolments SET user = NULL WHERE user = OLD.id;
END;
CREATE INDEX enrolments_by_user ON enrolments (user) WHERE user IS NOT NULL;

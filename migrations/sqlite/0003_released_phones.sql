-- When a phone was released: its record is kept for a time and then forgotten.
ALTER TABLE phones ADD COLUMN released_at INTEGER;
UPDATE phones SET released_at = seen_at WHERE state = 'released';
CREATE INDEX phones_by_release ON phones (released_at) WHERE released_at IS NOT NULL;
CREATE INDEX enrolments_by_end ON enrolments (ended_at) WHERE ended_at IS NOT NULL;

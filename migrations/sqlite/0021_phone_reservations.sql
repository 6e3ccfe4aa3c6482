-- Hardware addresses of phones that only one user may claim. The claim ends the reservation.
CREATE TABLE phone_reservations (
    id           TEXT PRIMARY KEY,
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    mac          TEXT NOT NULL UNIQUE,
    user         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    description  TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX phone_reservations_by_user ON phone_reservations (user);

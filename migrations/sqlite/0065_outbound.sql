-- What a registration says of the way to its phone (RFC 3327, RFC 5626, RFC 5627), and what names a binding among those of its
-- address-of-record: its contact, or the phone's instance and which of its flows it is. Phones that are registered stay so.

CREATE TABLE location_by_ruid (
    aor         TEXT NOT NULL,
    ruid        TEXT NOT NULL,
    contact     TEXT NOT NULL,
    phone       TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    cseq        INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    transport   TEXT NOT NULL,
    local       TEXT NOT NULL,
    received    TEXT NOT NULL,
    user_agent  TEXT NOT NULL DEFAULT '',
    path        TEXT NOT NULL DEFAULT '',
    instance    TEXT NOT NULL DEFAULT '',
    reg_id      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (aor, ruid)
) STRICT;

INSERT INTO location_by_ruid
    (aor, ruid, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent)
SELECT aor, contact, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent FROM location;

DROP TABLE location;
ALTER TABLE location_by_ruid RENAME TO location;

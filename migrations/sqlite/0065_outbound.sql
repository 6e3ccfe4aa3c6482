-- What a registration says of the way to its phone (RFC 3327, RFC 5626), and which of its flows it is: one contact may be registered
-- over several. `flow` is empty for a registration without Outbound. Phones that are registered stay so.

CREATE TABLE location_by_flow (
    aor         TEXT NOT NULL,
    contact     TEXT NOT NULL,
    flow        TEXT NOT NULL DEFAULT '',
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
    PRIMARY KEY (aor, contact, flow)
) STRICT;

INSERT INTO location_by_flow (aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent)
SELECT aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent FROM location;

DROP TABLE location;
ALTER TABLE location_by_flow RENAME TO location;

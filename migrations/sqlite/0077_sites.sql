-- Two sites (one row): what this one is called, and its peer, with which phones register too.
CREATE TABLE sites (
    id                TEXT PRIMARY KEY,
    version           INTEGER NOT NULL DEFAULT 1,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    key               TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    peer_name         TEXT NOT NULL,
    -- Empty where there is no peer.
    peer_address      TEXT NOT NULL,
    peer_port         INTEGER NOT NULL,
    peer_transport    TEXT NOT NULL,
    -- A JSON array of CIDR texts.
    peer_networks     TEXT NOT NULL,
    peer_api          TEXT NOT NULL,
    sealed_peer_token TEXT,
    dr_forward        TEXT NOT NULL CHECK (dr_forward IN ('off', 'no-agent', 'oos'))
) STRICT;
-- What becomes of calls to a number that is live at the peer only; as the settings say where it doesn't.
ALTER TABLE directory_numbers ADD COLUMN dr_forward TEXT CHECK (dr_forward IN ('off', 'no-agent', 'oos'));

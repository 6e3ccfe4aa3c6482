-- Two sites (one row): what this one is called, and its peer, with which phones register too.
CREATE TABLE sites (
    id                text COLLATE "C" PRIMARY KEY,
    version           bigint NOT NULL DEFAULT 1,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    key               text COLLATE "C" NOT NULL UNIQUE,
    name              text COLLATE "C" NOT NULL,
    peer_name         text COLLATE "C" NOT NULL,
    -- Empty where there is no peer.
    peer_address      text COLLATE "C" NOT NULL,
    peer_port         bigint NOT NULL,
    peer_transport    text COLLATE "C" NOT NULL,
    -- A JSON array of CIDR texts.
    peer_networks     text COLLATE "C" NOT NULL,
    peer_api          text COLLATE "C" NOT NULL,
    sealed_peer_token text COLLATE "C",
    dr_forward        text COLLATE "C" NOT NULL CHECK (dr_forward IN ('off', 'no-agent', 'oos'))
);
-- What becomes of calls to a number that is live at the peer only; as the settings say where it doesn't.
ALTER TABLE directory_numbers ADD COLUMN dr_forward text COLLATE "C" CHECK (dr_forward IN ('off', 'no-agent', 'oos'));

CREATE TRIGGER sites_told AFTER INSERT OR UPDATE ON sites FOR EACH STATEMENT EXECUTE FUNCTION tell_change('sites');

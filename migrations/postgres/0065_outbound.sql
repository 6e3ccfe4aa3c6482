-- What a registration says of the way to its phone (RFC 3327, RFC 5626), and which of its flows it is: one contact may be registered
-- over several. `flow` is empty for a registration without Outbound.
ALTER TABLE location ADD COLUMN flow text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE location ADD COLUMN path text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE location ADD COLUMN instance text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE location ADD COLUMN reg_id bigint NOT NULL DEFAULT 0;
ALTER TABLE location DROP CONSTRAINT location_pkey;
ALTER TABLE location ADD PRIMARY KEY (aor, contact, flow);

-- A refresh that comes after the binding has lapsed, while its row is still there: who has forgotten it is told.
CREATE OR REPLACE FUNCTION tell_changed_locations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_of_location(string_agg(username, E'\n')) FROM (
        SELECT username, row_number() OVER (ORDER BY username) / 25 AS part FROM (
            SELECT DISTINCT written.username FROM written JOIN before USING (id)
            WHERE (written.ruid, written.username, written.contact, written.reg_id)
                <> (before.ruid, before.username, before.contact, before.reg_id)
                OR written.expires < before.expires OR before.expires <= timezone('UTC', now())
                OR (written.received, written.path, written.socket, written.instance)
                    IS DISTINCT FROM (before.received, before.path, before.socket, before.instance)
        ) AS names
    ) AS parts GROUP BY part;
    RETURN NULL;
END
$$;

-- Whoever writes test runs marks the hours they began in, in the same transaction, so that a rollup of such an hour
-- is not read until it was folded again. Marks are only ever added here: writers never wait for one another, and a fold
-- takes away no more marks than it saw, so a row that commits meanwhile keeps its own.
CREATE OR REPLACE FUNCTION monitoring_mark_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO monitoring_rollupmark (period) SELECT DISTINCT date_trunc('hour', started_at, 'UTC') FROM new_runs;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION monitoring_mark_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO monitoring_rollupmark (period) SELECT DISTINCT date_trunc('hour', started_at, 'UTC') FROM old_runs;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION monitoring_mark_both() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO monitoring_rollupmark (period)
    SELECT date_trunc('hour', started_at, 'UTC') FROM new_runs
    UNION
    SELECT date_trunc('hour', started_at, 'UTC') FROM old_runs;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER mark_inserted AFTER INSERT ON test_run
REFERENCING NEW TABLE AS new_runs FOR EACH STATEMENT EXECUTE FUNCTION monitoring_mark_new();

CREATE OR REPLACE TRIGGER mark_updated AFTER UPDATE ON test_run
REFERENCING OLD TABLE AS old_runs NEW TABLE AS new_runs FOR EACH STATEMENT EXECUTE FUNCTION monitoring_mark_both();

CREATE OR REPLACE TRIGGER mark_deleted AFTER DELETE ON test_run
REFERENCING OLD TABLE AS old_runs FOR EACH STATEMENT EXECUTE FUNCTION monitoring_mark_old();

-- Nothing is told row by row of a table that is emptied, so nothing is left to mark: what is summed goes with it.
CREATE OR REPLACE FUNCTION monitoring_forget_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM monitoring_runrollup;
    DELETE FROM monitoring_rollupmark;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER forget_truncated AFTER TRUNCATE ON test_run
FOR EACH STATEMENT EXECUTE FUNCTION monitoring_forget_all();

-- Hand the next item of a queue to a reviewer: one round trip, one transaction, this server's clock.
--
--   wanted, who   the queue and the reviewer
--   besides       an assignment that does not count: the one on the screen while the next is fetched ahead; or null
--   fresh         the id of the assignment, should one be made
--   decides       whether an adjudicator asks: then only items that wait for one are handed out, in slot 0
--
-- What the reviewer already holds in the queue comes first. Reservations that have lapsed give their slots back on the
-- way. Whoever changes an item's slots holds the lock on the item, so none is counted twice; the tables' constraints say
-- the same. The answer is the id of the assignment, or null where nothing is left for this reviewer.
CREATE OR REPLACE FUNCTION feedback_claim(
    wanted uuid, who integer, besides uuid, fresh uuid, decides boolean DEFAULT false
) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    sought constant text := CASE WHEN decides THEN 'disputed' ELSE 'open' END;
    minutes integer;
    held uuid;
    lapsed uuid;
    next_item uuid;
BEGIN
    SELECT reservation_minutes INTO minutes FROM feedback_reviewqueue WHERE id = wanted AND is_active;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- A reviewer with two windows claims in one of them after the other.
    PERFORM pg_advisory_xact_lock(hashtext('feedback_claim'), who);

    SELECT mine.id INTO held
    FROM feedback_reviewassignment mine JOIN feedback_reviewitem item ON item.id = mine.item_id
    WHERE mine.reviewer_id = who AND mine.state = 'reserved' AND mine.reserved_until > moment
      AND mine.id IS DISTINCT FROM besides AND item.queue_id = wanted AND item.state = sought
    ORDER BY mine.id LIMIT 1;
    IF FOUND THEN
        RETURN held;
    END IF;

    FOR lapsed IN
        SELECT item.id FROM feedback_reviewitem item
        WHERE item.queue_id = wanted AND item.id IN (
            SELECT item_id FROM feedback_reviewassignment
            WHERE state = 'reserved' AND reserved_until <= moment AND id IS DISTINCT FROM besides
        )
        LIMIT 50 FOR UPDATE SKIP LOCKED
    LOOP
        WITH gone AS (
            UPDATE feedback_reviewassignment SET state = 'expired', reserved_until = NULL
            WHERE item_id = lapsed AND state = 'reserved' AND reserved_until <= moment
            RETURNING 1
        )
        UPDATE feedback_reviewitem SET free_slots = free_slots + (SELECT count(*) FROM gone) WHERE id = lapsed;
    END LOOP;

    -- Twice, as a plan finds an index over one state only where the statement names that state.
    IF decides THEN
        SELECT item.id INTO next_item
        FROM feedback_reviewitem item
        WHERE item.queue_id = wanted AND item.state = 'disputed' AND item.free_slots >= 1 AND NOT EXISTS (
            SELECT 1 FROM feedback_reviewassignment had
            WHERE had.item_id = item.id AND had.reviewer_id = who AND had.state IN ('reserved', 'submitted', 'skipped')
        )
        ORDER BY item.priority DESC, item.id LIMIT 1
        FOR UPDATE SKIP LOCKED;
    ELSE
        SELECT item.id INTO next_item
        FROM feedback_reviewitem item
        WHERE item.queue_id = wanted AND item.state = 'open' AND item.free_slots >= 1 AND NOT EXISTS (
            SELECT 1 FROM feedback_reviewassignment had
            WHERE had.item_id = item.id AND had.reviewer_id = who AND had.state IN ('reserved', 'submitted', 'skipped')
        )
        ORDER BY item.priority DESC, item.id LIMIT 1
        FOR UPDATE SKIP LOCKED;
    END IF;
    IF next_item IS NULL THEN
        RETURN NULL;
    END IF;

    INSERT INTO feedback_reviewassignment AS mine (
        id, created_at, item_id, reviewer_id, slot, state, claimed_at, reserved_until, draft, note
    )
    SELECT fresh, moment, next_item, who, min(numbered.slot), 'reserved', moment,
           moment + make_interval(mins => minutes), '{}', ''
    FROM feedback_reviewitem item,
         generate_series(
             CASE WHEN decides THEN 0 ELSE 1 END, CASE WHEN decides THEN 0 ELSE item.answers_needed END
         ) numbered (slot)
    WHERE item.id = next_item AND NOT EXISTS (
        SELECT 1 FROM feedback_reviewassignment taken
        WHERE taken.item_id = next_item AND taken.slot = numbered.slot AND taken.state IN ('reserved', 'submitted')
    )
    ON CONFLICT (item_id, reviewer_id) DO UPDATE
    SET slot = excluded.slot, state = 'reserved', claimed_at = moment, reserved_until = excluded.reserved_until
    RETURNING mine.id INTO held;
    UPDATE feedback_reviewitem SET free_slots = free_slots - 1 WHERE id = next_item;
    RETURN held;
END
$$;

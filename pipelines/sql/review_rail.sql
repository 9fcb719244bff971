-- What stands beside a reviewer's work, in one call: {queues: [[queue, waiting, disputed, answered, held]], mine: [[id,
-- state, title, kind, target]]}.
--
--   who              the reviewer
--   wanted           the queue whose items are listed as theirs, the latest first; null for none
--   most_*           nothing is listed or counted beyond; most_disputed is 0 for one who may not adjudicate
--
-- The active queues come by name, each with how many of its items wait for anybody, how many wait for an adjudicator whom
-- this reviewer could be, how many the reviewer answered, and how many of the others they hold. Counting stops where nobody
-- cares any more: a queue may hold a hundred thousand items.
CREATE OR REPLACE FUNCTION pipelines_review_rail(
    who integer, wanted uuid, most_queues integer, most_waiting integer, most_disputed integer, most_own integer, most_mine integer
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    queues jsonb;
    mine jsonb;
BEGIN
    SELECT jsonb_agg(
        jsonb_build_array(to_jsonb(queue), waiting.found, disputed.found, own.answered, own.held)
        ORDER BY queue.name, queue.key
    ) INTO queues
    FROM (
        SELECT * FROM feedback_reviewqueue WHERE is_active ORDER BY name, key LIMIT most_queues
    ) queue
    -- Items with a free place, and those whose places are held by people whose time has run out: the next claim takes these
    -- back.
    CROSS JOIN LATERAL (
        SELECT count(*) AS found FROM (
            (
                SELECT NULL::uuid FROM feedback_reviewitem item
                WHERE item.queue_id = queue.id AND item.state = 'open' AND item.free_slots >= 1
                LIMIT most_waiting
            )
            UNION ALL
            (
                SELECT DISTINCT item.id
                FROM feedback_reviewassignment had JOIN feedback_reviewitem item ON item.id = had.item_id
                WHERE had.queue_id = queue.id AND had.state = 'reserved'
                    AND had.reserved_until <= statement_timestamp()
                    AND item.state = 'open' AND item.free_slots = 0
                LIMIT most_waiting
            )
            LIMIT most_waiting
        ) few
    ) waiting
    -- Without another column of the rows the index alone answers.
    CROSS JOIN LATERAL (
        SELECT (
            SELECT count(*) FROM (
                SELECT 1 FROM feedback_reviewassignment had
                WHERE had.reviewer_id = who AND had.queue_id = queue.id AND had.state = 'submitted'
                LIMIT most_own
            ) few
        ) AS answered, (
            SELECT count(*) FROM feedback_reviewassignment had
            WHERE had.reviewer_id = who AND had.queue_id = queue.id AND had.state = 'reserved'
              AND had.reserved_until > statement_timestamp()
        ) AS held
    ) own
    -- Items that the reviewer can decide now: theirs already, held by nobody, or held by one whose time has run out. Each is
    -- looked at, so counting stops early; where there are more it does not matter how many are the reviewer's own.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN count(*) = most_disputed THEN count(*) ELSE count(*) FILTER (WHERE NOT EXISTS (
            SELECT 1 FROM feedback_reviewassignment had
            WHERE had.item_id = item.id AND (
                had.reviewer_id = who AND had.state IN ('submitted', 'skipped')
                OR had.reviewer_id <> who AND had.state = 'reserved' AND had.reserved_until > statement_timestamp()
            )
        )) END AS found
        FROM (
            SELECT id FROM feedback_reviewitem
            WHERE queue_id = queue.id AND state = 'disputed' LIMIT most_disputed
        ) item
    ) disputed;

    SELECT jsonb_agg(
        jsonb_build_array(latest.id, latest.state, item.title, item.kind, item.target_id)
        ORDER BY latest.claimed_at DESC, latest.id DESC
    ) INTO mine
    FROM (
        SELECT id, state, item_id, claimed_at FROM feedback_reviewassignment
        WHERE reviewer_id = who AND queue_id = wanted ORDER BY claimed_at DESC, id DESC LIMIT most_mine
    ) latest
    JOIN feedback_reviewitem item ON item.id = latest.item_id;

    RETURN jsonb_build_object('queues', COALESCE(queues, '[]'), 'mine', COALESCE(mine, '[]'));
END
$$;

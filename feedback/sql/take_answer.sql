-- Take a reviewer's answer: one round trip for its row, that of the review that every reader understands, and the end of its
-- assignment. The caller holds the item's lock and has checked all of it.
--
--   given, said   the rows of feedback_reviewanswer and of review_feedback, by column; columns that are null are left out
--
-- The answer is how many answers the item has now.
CREATE OR REPLACE FUNCTION feedback_take_answer(given jsonb, said jsonb) RETURNS integer
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    answered uuid;
BEGIN
    INSERT INTO feedback_reviewanswer SELECT * FROM jsonb_populate_record(NULL::feedback_reviewanswer, given);
    UPDATE feedback_reviewassignment SET state = 'submitted', reserved_until = NULL
    WHERE id = (given ->> 'assignment_id')::uuid RETURNING item_id INTO answered;
    INSERT INTO review_feedback SELECT * FROM jsonb_populate_record(NULL::review_feedback, said);
    RETURN (SELECT count(*) FROM feedback_reviewassignment WHERE item_id = answered AND state = 'submitted');
END
$$;

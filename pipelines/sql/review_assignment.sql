-- A reviewer's own assignment with all that its page shows of it, in one call; null where it is not theirs:
-- {assignment, answer, item, queue, questions, design, stepRun, run, content}, rows by column, each null where there is
-- none; content is what `pipelines_review_content` gives.
CREATE OR REPLACE FUNCTION pipelines_review_assignment(wanted uuid, who integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'assignment', to_jsonb(mine),
            'answer', to_jsonb(answer),
            'item', to_jsonb(item),
            'queue', to_jsonb(queue),
            'questions', COALESCE((
                SELECT jsonb_agg(to_jsonb(each) ORDER BY each."order", each.id)
                FROM feedback_reviewquestion each WHERE each.queue_id = queue.id
            ), '[]'),
            'design', to_jsonb(design),
            'stepRun', to_jsonb(step),
            'run', to_jsonb(run),
            'content', pipelines_review_content(item.id)
        )
        FROM feedback_reviewassignment mine
        JOIN feedback_reviewitem item ON item.id = mine.item_id
        JOIN feedback_reviewqueue queue ON queue.id = item.queue_id
        LEFT JOIN feedback_reviewanswer answer ON answer.assignment_id = mine.id
        LEFT JOIN design_splits design ON design.id = item.design_split_id
        LEFT JOIN pipelines_steprun step ON step.id = item.step_run_id
        LEFT JOIN pipelines_pipelinerun run ON run.id = step.pipeline_run_id
        WHERE mine.id = wanted AND mine.reviewer_id = who
    );
END
$$;

-- What a worker takes up by a job: {runId, item: [nodeKey, mapIndex], run, pipeline, rows}, the last three left out where
-- it knows the run already: its row and its pipeline's, by column, and its steps as of one moment, as
-- `pipelines_moved_rows` lists them. Null where the step is gone or its run has ended.
CREATE OR REPLACE FUNCTION pipelines_take_up(step_run_id uuid, known uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    step record;
BEGIN
    SELECT s.pipeline_run_id AS run_id, jsonb_build_array(s.node_key, s.map_index) AS item INTO step
    FROM pipelines_steprun s WHERE s.id = step_run_id;
    RETURN (
        SELECT jsonb_build_object('runId', run.id, 'item', step.item) || CASE WHEN run.id = ANY (known) THEN '{}' ELSE
            jsonb_build_object(
                'run', to_jsonb(run),
                'pipeline', to_jsonb(pipeline),
                'rows', pipelines_moved_rows(run.id, -1, statement_timestamp())
            ) END
        FROM pipelines_pipelinerun run JOIN pipelines_pipelinedefinition pipeline ON pipeline.id = run.pipeline_id
        WHERE run.id = step.run_id AND run.status = 'running'
    );
END
$$;

-- What lies at a place of the accepted IR of a node without forEach, as that of an item of another node's forEach does: one
-- row, null where there is no such place; no row while there is no such IR. Only that part of the IR leaves the database.
CREATE OR REPLACE FUNCTION pipelines_item_at(run uuid, node text, place text[]) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE ROWS 1 SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT artifact.ir_json #> place
    FROM pipelines_steprun step JOIN ir_schemas_irartifact artifact
        ON artifact.step_run_id = step.id AND artifact.attempt = step.attempt
    WHERE step.pipeline_run_id = run AND step.node_key = node AND step.status = 'completed';
END
$$;

-- What a reviewer sees of an item, in one call: {output, promptData, metrics}.
--
--   output      {document, faults, faultCount} of the artifact or prompt result; null where it is gone
--   promptData  [data, prompt, process], by column, the latest that was recorded for the output; null where none was
--   metrics     [[result without its details, metric], ...] of the step's last attempt, in the order of the metrics' keys
CREATE OR REPLACE FUNCTION pipelines_review_content(wanted uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    item feedback_reviewitem;
    last_attempt smallint;
    output jsonb;
    asked uuid;
BEGIN
    SELECT * INTO item FROM feedback_reviewitem WHERE id = wanted;
    SELECT attempt INTO last_attempt FROM pipelines_steprun WHERE id = item.step_run_id;
    IF item.kind = 'prompt_result' THEN
        SELECT jsonb_build_object('document', result, 'faults', '[]'::jsonb, 'faultCount', 0), prompt_data_id
        INTO output, asked FROM prompt_results WHERE id = item.target_id;
    ELSE
        -- A module's is the document that it was made of.
        SELECT jsonb_build_object('document', ir_json, 'faults', validation_errors, 'faultCount', error_count)
        INTO output FROM ir_schemas_irartifact
        WHERE id = CASE WHEN item.kind <> 'module' THEN item.target_id ELSE (
            SELECT id FROM ir_schemas_irartifact
            WHERE step_run_id = item.step_run_id AND attempt = last_attempt ORDER BY id DESC LIMIT 1
        ) END;
        SELECT id INTO asked FROM prompt_data WHERE step_run_id = item.step_run_id ORDER BY id DESC LIMIT 1;
    END IF;
    RETURN jsonb_build_object(
        'output', output,
        'promptData', (
            SELECT jsonb_build_array(to_jsonb(d), to_jsonb(p), to_jsonb(a))
            FROM prompt_data d
            LEFT JOIN ai_prompts p ON p.id = d.ai_prompt_id
            LEFT JOIN ai_processes a ON a.id = p.process_id
            WHERE d.id = asked
        ),
        'metrics', COALESCE((
            SELECT jsonb_agg(jsonb_build_array(to_jsonb(r) - 'details', to_jsonb(m)) ORDER BY m.key)
            FROM metrics_metricresult r JOIN metrics_metricdefinition m ON m.id = r.metric_id
            WHERE r.step_run_id = item.step_run_id AND r.attempt = last_attempt
        ), '[]')
    );
END
$$;

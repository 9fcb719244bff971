-- What a batch of runs that other software made stands on, in one call before it is written: the flags that gate it, as
-- monitoring_flag_state says, which of the rows that its items name are here, and what its models cost and cost before.
CREATE OR REPLACE FUNCTION pipelines_recording_ground(
    prompts uuid[], processes uuid[], designs uuid[], artifacts uuid[], modules uuid[], pipelines uuid[],
    providers text[], models text[]
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'logging', monitoring_flag_state('PIPELINE_LOGGING_ENABLED'),
        'validation', monitoring_flag_state('IR_VALIDATION_MODE'),
        'promptId', (
            SELECT jsonb_agg(jsonb_build_object(
                'id', id, 'process_id', process_id, 'version', version, 'ir_validation_mode', ir_validation_mode
            ))
            FROM ai_prompts WHERE id = ANY (prompts)
        ),
        'processId', (SELECT jsonb_agg(id) FROM ai_processes WHERE id = ANY (processes)),
        'designSplitId', (SELECT jsonb_agg(id) FROM design_splits WHERE id = ANY (designs)),
        'artifactId', (SELECT jsonb_agg(id) FROM generated_artifacts WHERE id = ANY (artifacts)),
        'moduleId', (SELECT jsonb_agg(id) FROM module_templates WHERE id = ANY (modules)),
        'pipelineId', (SELECT jsonb_agg(id) FROM pipelines_pipelinedefinition WHERE id = ANY (pipelines)),
        'prices', (
            SELECT jsonb_agg(jsonb_build_object(
                'provider', provider, 'model', model, 'effective_from', effective_from,
                'input_per_million', input_per_million::text, 'output_per_million', output_per_million::text,
                'cached_per_million', cached_per_million::text
            ))
            FROM pipelines_modelprice WHERE provider = ANY (providers) AND model = ANY (models)
        )
    );
END
$$;

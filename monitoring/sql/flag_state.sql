-- What is set for a flag, in one call: {value, reason, updatedAt, rules: [{position, who, target, name, value}]}; value
-- is null where nothing was set live. Null where there is neither a value nor a rule.
CREATE OR REPLACE FUNCTION monitoring_flag_state(wanted text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    live record;
    rules jsonb;
BEGIN
    SELECT value, reason, updated_at INTO live FROM monitoring_featureflag WHERE key = wanted;
    -- Without rules, as usual, their joins are not even set up: a step of a pipeline asks this at every turn.
    IF EXISTS (SELECT FROM monitoring_flagrule WHERE key = wanted) THEN
        SELECT jsonb_agg(jsonb_build_object(
            'position', r.position,
            'who', r.who,
            'target', COALESCE(r.user_id::text, r.group_id::text, r.pipeline_id::text, r.prompt_id::text, r.percentage::text),
            'name', COALESCE(u.username, g.name, p.key, a.key || '@' || m.version),
            'value', r.value
        ) ORDER BY r.position) INTO rules
        FROM monitoring_flagrule r
        LEFT JOIN auth_user u ON u.id = r.user_id
        LEFT JOIN auth_group g ON g.id = r.group_id
        LEFT JOIN pipelines_pipelinedefinition p ON p.id = r.pipeline_id
        LEFT JOIN ai_prompts m ON m.id = r.prompt_id
        LEFT JOIN ai_processes a ON a.id = m.process_id
        WHERE r.key = wanted;
    END IF;
    IF live.value IS NULL AND rules IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object(
        'value', live.value, 'reason', live.reason, 'updatedAt', live.updated_at, 'rules', COALESCE(rules, '[]')
    );
END
$$;

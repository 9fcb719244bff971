-- What a DAG names, read in one call, as every run asks for it when it starts and when a process takes it up:
-- {steps: [[version, step]], profiles: [{id, key, items: [[item, metric]]}], pools: [key]}, each part an object by column.
-- Steps come with all versions of the keys; items in the order of their metrics' keys.
CREATE OR REPLACE FUNCTION pipelines_named(
    version_ids uuid[], step_keys text[], profile_ids uuid[], profile_keys text[], pool_keys text[]
) RETURNS jsonb LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN jsonb_build_object(
        'steps', COALESCE((
            SELECT jsonb_agg(jsonb_build_array(to_jsonb(v), to_jsonb(s)))
            FROM pipelines_stepversion v JOIN pipelines_stepdefinition s ON s.id = v.step_id
            WHERE v.id = ANY (version_ids) OR s.key = ANY (step_keys)
        ), '[]'),
        'profiles', COALESCE((
            SELECT jsonb_agg(jsonb_build_object('id', p.id, 'key', p.key, 'items', COALESCE((
                SELECT jsonb_agg(jsonb_build_array(to_jsonb(i), to_jsonb(m)) ORDER BY m.key)
                FROM metrics_metricprofileitem i JOIN metrics_metricdefinition m ON m.id = i.metric_id
                WHERE i.profile_id = p.id
            ), '[]')))
            FROM metrics_metricprofile p
            WHERE p.id = ANY (profile_ids) OR p.key = ANY (profile_keys)
        ), '[]'),
        'pools', COALESCE((
            SELECT jsonb_agg(p.key) FROM pipelines_concurrencypool p WHERE p.key = ANY (pool_keys)
        ), '[]')
    );
END
$$;

-- Runs that other software made, each of them whole or not at all, in one round trip for a batch.
--
-- p:
--   type, source      'ai' or 'quality'; the door they came by
--   recordedBy        the user who hands them in; a key counts once for each user, source and type
--   logged            false: only what was always left is written (prompt_data, prompt_results, a design's metrics)
--   items             [{promptData, promptResult, testRun, testResults: [], design: {id, quality}}], each part optional,
--                     as rows of their tables; promptData and testRun carry idempotency_key and payload_hash
--
-- The answer: {created: [ids of promptData, or of testRun where there is none],
--              known: [{key, hash, promptDataId, promptResultId, testRunId}]}, what stood there already under a key.
-- Rows are written in the order of their keys, so that two batches with the same keys wait for each other and go on.
CREATE OR REPLACE FUNCTION pipelines_record(p jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    items jsonb := p -> 'items';
    sender constant integer := (p ->> 'recordedBy')::integer;
    door constant text := p ->> 'source';
    kind constant text := p ->> 'type';
    logged constant boolean := (p ->> 'logged')::boolean;
    moment constant timestamptz := clock_timestamp();
    sent constant integer := jsonb_array_length(items);
    keys constant text[] := ARRAY(SELECT i ->> 'key' FROM jsonb_array_elements(items) i);
    created uuid[];
    known jsonb;
BEGIN
    IF kind = 'ai' THEN
        WITH inserted AS (
            INSERT INTO prompt_data (
                id, created_at, size_bytes, content_hash, ai_prompt_id, pipeline_id, section_id, prompt, context,
                metadata, recorded_by_id, source, idempotency_key, payload_hash
            )
            SELECT d.id, moment, d.size_bytes, d.content_hash, d.ai_prompt_id, d.pipeline_id, d.section_id, d.prompt,
                   d.context, d.metadata, sender, door, d.idempotency_key, d.payload_hash
            FROM jsonb_array_elements(items) i, jsonb_populate_record(NULL::prompt_data, i -> 'promptData') d
            ORDER BY d.idempotency_key
            ON CONFLICT (recorded_by_id, source, idempotency_key) WHERE NOT (idempotency_key = '') DO NOTHING
            RETURNING prompt_data.id
        )
        SELECT array_agg(inserted.id) INTO created FROM inserted;
        IF COALESCE(cardinality(created), 0) < sent THEN
            SELECT COALESCE(jsonb_agg(i), '[]') INTO items
            FROM jsonb_array_elements(items) i WHERE (i #>> '{promptData,id}')::uuid = ANY (created);
        END IF;
        INSERT INTO prompt_results (
            id, created_at, size_bytes, content_hash, prompt_data_id, result, quality_score, metrics, tokens_in,
            tokens_out, tokens_cached, tokens_reasoning, total_cost_usd, latency_ms, model, provider
        )
        SELECT r.id, moment, r.size_bytes, r.content_hash, r.prompt_data_id, r.result, r.quality_score, r.metrics,
               r.tokens_in, r.tokens_out, r.tokens_cached, r.tokens_reasoning, r.total_cost_usd, r.latency_ms, r.model, r.provider
        FROM jsonb_array_elements(items) i, jsonb_populate_record(NULL::prompt_results, i -> 'promptResult') r;
    END IF;

    IF logged THEN
        WITH inserted AS (
            INSERT INTO test_run (
                id, created_at, type, status, design_split_id, artifact_id, module_id, run_group_id, started_at,
                completed_at, summary, prompt_id, process_id, pipeline_id, model, provider, tokens_in, tokens_out,
                tokens_cached, tokens_reasoning, cost_usd, latency_ms, validation_passed, error_count, grade,
                score_overall, score_html, score_accessibility, score_performance, score_hubspot, score_seo,
                score_tailwind, source, recorded_by_id, idempotency_key, payload_hash
            )
            SELECT t.id, moment, kind, t.status, t.design_split_id, t.artifact_id, t.module_id, t.run_group_id,
                   t.started_at, t.completed_at, t.summary, t.prompt_id, t.process_id, t.pipeline_id,
                   COALESCE(t.model, ''), COALESCE(t.provider, ''), t.tokens_in, t.tokens_out, t.tokens_cached,
                   t.tokens_reasoning, t.cost_usd, t.latency_ms, t.validation_passed, t.error_count,
                   COALESCE(t.grade, ''), t.score_overall, t.score_html, t.score_accessibility, t.score_performance,
                   t.score_hubspot, t.score_seo, t.score_tailwind, door, sender, t.idempotency_key, t.payload_hash
            FROM jsonb_array_elements(items) i, jsonb_populate_record(NULL::test_run, i -> 'testRun') t
            ORDER BY t.idempotency_key
            ON CONFLICT (recorded_by_id, source, type, idempotency_key) WHERE NOT (idempotency_key = '') DO NOTHING
            RETURNING test_run.id
        ), checks AS (
            INSERT INTO test_result (id, created_at, test_run_id, name, status, duration_ms, details)
            SELECT r.id, moment, inserted.id, r.name, r.status, r.duration_ms, r.details
            FROM jsonb_array_elements(items) i
            JOIN inserted ON inserted.id = (i #>> '{testRun,id}')::uuid,
                jsonb_populate_recordset(NULL::test_result, i -> 'testResults') r
        )
        SELECT CASE WHEN kind = 'quality' THEN array_agg(inserted.id) ELSE created END INTO created FROM inserted;
        IF kind = 'quality' AND COALESCE(cardinality(created), 0) < sent THEN
            SELECT COALESCE(jsonb_agg(i), '[]') INTO items
            FROM jsonb_array_elements(items) i WHERE (i #>> '{testRun,id}')::uuid = ANY (created);
        END IF;
    END IF;

    IF kind = 'quality' THEN
        IF NOT logged THEN
            SELECT COALESCE(jsonb_agg(i), '[]') INTO items FROM jsonb_array_elements(items) i WHERE NOT EXISTS (
                SELECT 1 FROM test_run t
                WHERE t.recorded_by_id = sender AND t.source = door AND t.type = kind
                    AND t.idempotency_key = i ->> 'key' AND NOT (t.idempotency_key = '')
            );
        END IF;
        PERFORM 1 FROM design_splits
        WHERE id IN (SELECT (i #>> '{design,id}')::uuid FROM jsonb_array_elements(items) i)
        ORDER BY id FOR NO KEY UPDATE;
        UPDATE design_splits d
        SET metrics = d.metrics || jsonb_build_object('quality', latest.quality), updated_at = moment
        FROM (
            SELECT DISTINCT ON (e.i #>> '{design,id}')
                   (e.i #>> '{design,id}')::uuid AS id, e.i #> '{design,quality}' AS quality
            FROM jsonb_array_elements(items) WITH ORDINALITY AS e(i, n)
            WHERE e.i ? 'design'
            ORDER BY e.i #>> '{design,id}', e.n DESC
        ) latest
        -- Where nothing is logged a key is not known again, and the same may come twice.
        WHERE d.id = latest.id AND d.metrics -> 'quality' IS DISTINCT FROM latest.quality;
    END IF;

    IF COALESCE(cardinality(created), 0) < sent THEN
        SELECT jsonb_agg(jsonb_build_object(
            'key', k.key,
            'hash', COALESCE(d.payload_hash, t.payload_hash),
            'promptDataId', d.id,
            'promptResultId', (SELECT r.id FROM prompt_results r WHERE r.prompt_data_id = d.id ORDER BY r.id LIMIT 1),
            'testRunId', t.id
        ))
        INTO known
        FROM (SELECT DISTINCT unnest(keys) AS key) k
        LEFT JOIN prompt_data d ON kind = 'ai' AND d.recorded_by_id = sender AND d.source = door
            AND d.idempotency_key = k.key AND NOT (d.idempotency_key = '')
        LEFT JOIN test_run t ON t.recorded_by_id = sender AND t.source = door AND t.type = kind
            AND t.idempotency_key = k.key AND NOT (t.idempotency_key = '')
        WHERE d.id IS NOT NULL OR t.id IS NOT NULL;
    END IF;
    RETURN jsonb_build_object('created', COALESCE(to_jsonb(created), '[]'), 'known', COALESCE(known, '[]'));
END
$$;

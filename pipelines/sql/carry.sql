-- One round trip of an executor: settle an attempt with all of its records, apply the moves that follow from it, and
-- claim what this executor runs next. All of it happens, or none of it. Only this server's clock counts.
--
-- p, every part but runId optional:
--   runId, revision   the run, and the revision from which the moves were computed
--   settle            {id, token, status, error, reason, pastAttempt, lost, delayMs}
--   records           {artifact, metrics: [], links: [], testRun, testResults: []}, as rows of their tables
--   update            [{id, status, held, reason_code, reason, error}]   rows of the run that move
--   insert            [rows of pipelines_steprun]                        rows that a forEach adds
--   finish            {status}                                           the run ends; its error is its first step's
--   claims            [{id, token, params, leaseMs, timeoutMs}]
-- ir: the IR of the settled attempt, apart because it can be large.
--
-- The answer: {outcome, revision, claimed: [{id, attempt, startedAt}], validationMode}. outcome is
--   done    everything was written
--   lost    the attempt no longer holds its lease, or its time was up; nothing was written
--   stale   somebody else moved the run since `revision`; nothing was written, the moves must be computed anew
CREATE OR REPLACE FUNCTION pipelines_carry(p jsonb, ir jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    run record;
    attempt record;
    settled constant jsonb := p -> 'settle';
    records constant jsonb := p -> 'records';
    moment constant timestamptz := clock_timestamp();
    taken jsonb;
BEGIN
    SELECT id, revision INTO run FROM pipelines_pipelinerun WHERE id = (p ->> 'runId')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'lost', 'revision', 0);
    END IF;

    IF settled IS NOT NULL THEN
        SELECT id, deadline INTO attempt FROM pipelines_steprun
        WHERE id = (settled ->> 'id')::uuid AND status = 'running' AND lease_token = (settled ->> 'token')::uuid;
        IF NOT FOUND OR (attempt.deadline < moment AND NOT settled ? 'lost') THEN
            RETURN jsonb_build_object('outcome', 'lost', 'revision', run.revision);
        END IF;
    END IF;

    -- A call that only claims decides nothing, so it names no revision.
    IF run.revision <> (p ->> 'revision')::integer THEN
        RETURN jsonb_build_object('outcome', 'stale', 'revision', run.revision);
    END IF;

    IF records ? 'artifact' THEN
        INSERT INTO ir_schemas_irartifact (
            id, created_at, size_bytes, content_hash, step_run_id, attempt, ir_json, outcome, is_valid,
            validation_errors, error_count, schema_id, schema_definition_id, validation_mode, engine, engine_version
        )
        SELECT a.id, moment, a.size_bytes, a.content_hash, a.step_run_id, a.attempt, ir, a.outcome, a.is_valid,
               a.validation_errors, a.error_count, a.schema_id, a.schema_definition_id, a.validation_mode, a.engine,
               a.engine_version
        FROM jsonb_populate_record(NULL::ir_schemas_irartifact, records -> 'artifact') a;
    END IF;
    IF records ? 'metrics' THEN
        INSERT INTO metrics_metricresult (id, created_at, step_run_id, attempt, metric_id, profile_id, value, passed, details)
        SELECT m.id, moment, m.step_run_id, m.attempt, m.metric_id, m.profile_id, m.value, m.passed, m.details
        FROM jsonb_populate_recordset(NULL::metrics_metricresult, records -> 'metrics') m;
    END IF;
    IF records ? 'testRun' THEN
        INSERT INTO test_run (
            id, created_at, type, status, design_split_id, artifact_id, step_run_id, attempt, run_group_id, started_at,
            completed_at, summary, prompt_id, process_id, pipeline_id, model, provider, tokens_in, tokens_out,
            tokens_cached, tokens_reasoning, cost_usd, latency_ms, validation_passed, error_count, grade, score_overall,
            score_html, score_accessibility, score_performance, score_hubspot, score_seo, score_tailwind
        )
        SELECT t.id, moment, t.type, t.status, t.design_split_id, t.artifact_id, t.step_run_id, t.attempt,
               t.run_group_id, s.started_at, GREATEST(moment, s.started_at), t.summary, t.prompt_id, t.process_id,
               t.pipeline_id, COALESCE(t.model, ''), COALESCE(t.provider, ''), t.tokens_in, t.tokens_out,
               t.tokens_cached, t.tokens_reasoning, t.cost_usd, t.latency_ms, t.validation_passed, t.error_count,
               COALESCE(t.grade, ''), t.score_overall, t.score_html, t.score_accessibility, t.score_performance,
               t.score_hubspot, t.score_seo, t.score_tailwind
        FROM jsonb_populate_record(NULL::test_run, records -> 'testRun') t
        JOIN pipelines_steprun s ON s.id = t.step_run_id;
        INSERT INTO test_result (id, created_at, test_run_id, name, status, duration_ms, details)
        SELECT r.id, moment, r.test_run_id, r.name, r.status, r.duration_ms, r.details
        FROM jsonb_populate_recordset(NULL::test_result, records -> 'testResults') r;
    END IF;

    IF settled IS NOT NULL THEN
        UPDATE pipelines_steprun SET
            status = settled ->> 'status',
            error = NULLIF(settled -> 'error', 'null'),
            past_attempts = past_attempts || COALESCE(settled -> 'pastAttempt', '[]'),
            lost_count = lost_count + COALESCE((settled ->> 'lost')::integer, 0),
            not_before = moment + (settled ->> 'delayMs')::double precision * interval '1 millisecond',
            lease_token = NULL,
            lease_expires_at = NULL,
            deadline = NULL,
            finished_at = CASE WHEN settled ->> 'status' <> 'ready' THEN GREATEST(moment, started_at) END
        WHERE id = attempt.id;
    END IF;

    IF p ? 'update' THEN
        UPDATE pipelines_steprun s SET
            status = u.status,
            held = u.held,
            reason_code = COALESCE(u.reason_code, ''),
            reason = COALESCE(u.reason, ''),
            error = NULLIF(u.error, 'null'),
            finished_at = CASE WHEN u.status IN ('skipped', 'failed', 'completed', 'cancelled')
                               THEN GREATEST(moment, s.started_at) END
        FROM jsonb_to_recordset(p -> 'update')
             AS u(id uuid, status text, held boolean, reason_code text, reason text, error jsonb)
        WHERE s.id = u.id AND s.status <> 'running' AND s.finished_at IS NULL;
    END IF;
    IF p ? 'insert' THEN
        INSERT INTO pipelines_steprun (
            id, created_at, pipeline_run_id, step_version_id, node_key, map_index, status, attempt, lost_count,
            past_attempts, params, error, reason_code, reason, held, finished_at
        )
        SELECT i.id, moment, run.id, i.step_version_id, i.node_key, i.map_index, i.status, 0, 0, '[]', '{}', i.error,
               COALESCE(i.reason_code, ''), COALESCE(i.reason, ''), COALESCE(i.held, false),
               CASE WHEN i.status IN ('skipped', 'failed', 'completed', 'cancelled') THEN moment END
        FROM jsonb_populate_recordset(NULL::pipelines_steprun, p -> 'insert') i;
    END IF;
    IF p ? 'finish' THEN
        UPDATE pipelines_pipelinerun SET
            status = p #>> '{finish,status}',
            error = CASE WHEN p #>> '{finish,status}' = 'failed' THEN (
                SELECT COALESCE(s.error, '{}') || jsonb_build_object('nodeKey', s.node_key, 'mapIndex', s.map_index)
                FROM pipelines_steprun s
                WHERE s.pipeline_run_id = run.id AND s.status = 'failed'
                ORDER BY s.finished_at, s.id LIMIT 1
            ) END,
            finished_at = GREATEST(moment, created_at),
            revision = revision + 1
        WHERE id = run.id;
    ELSIF p ? 'revision' THEN
        UPDATE pipelines_pipelinerun SET revision = revision + 1 WHERE id = run.id;
    END IF;

    IF p ? 'claims' THEN
        WITH wanted AS (
            SELECT * FROM jsonb_to_recordset(p -> 'claims')
                AS w(id uuid, token uuid, params jsonb, "leaseMs" double precision, "timeoutMs" double precision)
        ), claimed AS (
            UPDATE pipelines_steprun s SET
                status = 'running',
                attempt = s.attempt + 1,
                params = w.params,
                lease_token = w.token,
                lease_expires_at = moment + w."leaseMs" * interval '1 millisecond',
                deadline = moment + w."timeoutMs" * interval '1 millisecond',
                not_before = NULL,
                started_at = moment
            FROM wanted w
            WHERE s.id = w.id AND s.status = 'ready' AND (s.not_before IS NULL OR s.not_before <= moment)
            RETURNING s.id, s.attempt
        )
        SELECT jsonb_agg(jsonb_build_object('id', c.id, 'attempt', c.attempt)) INTO taken FROM claimed c;
    END IF;

    RETURN jsonb_build_object(
        'outcome', 'done',
        'revision', run.revision + CASE WHEN p ? 'revision' THEN 1 ELSE 0 END,
        'claimed', COALESCE(taken, '[]'),
        'validationMode', (SELECT value FROM monitoring_featureflag WHERE key = 'IR_VALIDATION_MODE')
    );
END
$$;

-- One round trip of an executor: settle an attempt with all of its records, apply the moves that follow from it, and
-- claim what this executor runs next. All of it happens, or none of it. Only this server's clock counts.
--
-- p, every part but runId optional:
--   runId, revision   the run, and the revision from which the moves were computed
--   settle            {id, token, status, error, reason, pastAttempt, lost, released, overdue, delayMs}; the last four
--                     say how an attempt ended that did not end by itself, and when it is tried again
--   update            [{id, status, held, reason_code, reason, error}]   rows of the run that move
--   insert            [rows of pipelines_steprun]                        rows that a forEach adds
--   finish            {status}                                           the run ends; its error is its first step's
--   claims            [{id, token, params, leaseMs, timeoutMs, pool, weight}]   candidates, the best first
--   claimLimit        how many of the candidates to take; all where it is left out
--   dequeue           true where claimed steps may have jobs in the queue, which then go
-- records: {artifact, metrics: [], testRun, testResults: [], logs: []}, as rows of their tables
-- ir: the IR of the settled attempt, apart because it can be large.
--
-- The answer: {outcome, revision, rows, claimed: [{id, attempt}], refused: [id], validationMode}. outcome is
--   done      everything was written
--   lost      the attempt no longer holds its lease, or the run has ended; nothing was written
--   overdue   its time was up; nothing was written, and it still holds its lease
--   stale     somebody else moved the run since `revision`; nothing was written, the moves must be computed anew
-- rows are the run's rows that moved since `revision`, where others moved them; refused are candidates that others were
-- quicker with, that are not due, or whose pool is full.
CREATE OR REPLACE FUNCTION pipelines_carry(p jsonb, records jsonb, ir jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    run record;
    attempt record;
    candidate record;
    settled constant jsonb := p -> 'settle';
    known constant integer := (p ->> 'revision')::integer;
    wanted integer := (p ->> 'claimLimit')::integer;
    moment timestamptz;
    next_revision integer;
    took_attempt integer;
    taken jsonb := '[]';
    refused jsonb := '[]';
BEGIN
    SELECT id, status, revision INTO run FROM pipelines_pipelinerun
    WHERE id = (p ->> 'runId')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND OR run.status <> 'running' THEN
        RETURN jsonb_build_object('outcome', 'lost', 'revision', COALESCE(run.revision, 0));
    END IF;
    moment := clock_timestamp();
    next_revision := run.revision + 1;

    IF settled IS NOT NULL THEN
        SELECT id, deadline, lease_expires_at INTO attempt FROM pipelines_steprun
        WHERE id = (settled ->> 'id')::uuid AND status = 'running' AND lease_token = (settled ->> 'token')::uuid;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('outcome', 'lost', 'revision', run.revision);
        END IF;
        IF settled ? 'lost' AND attempt.lease_expires_at >= moment THEN
            RETURN jsonb_build_object('outcome', 'lost', 'revision', run.revision);
        END IF;
        IF attempt.deadline < moment AND NOT settled ?| ARRAY['lost', 'released', 'overdue'] THEN
            RETURN jsonb_build_object('outcome', 'overdue', 'revision', run.revision);
        END IF;
    END IF;

    -- A call that only claims decides nothing, so it names no revision.
    IF run.revision <> known THEN
        RETURN jsonb_build_object(
            'outcome', 'stale', 'revision', run.revision, 'rows', pipelines_moved_rows(run.id, known, moment)
        );
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
    IF records ? 'logs' THEN
        INSERT INTO pipelines_steplog (id, created_at, step_run_id, attempt, message)
        SELECT l.id, l.created_at, l.step_run_id, l.attempt, l.message
        FROM jsonb_populate_recordset(NULL::pipelines_steplog, records -> 'logs') l;
    END IF;

    IF settled IS NOT NULL THEN
        UPDATE pipelines_steprun SET
            status = settled ->> 'status',
            error = NULLIF(settled -> 'error', 'null'),
            past_attempts = past_attempts || COALESCE(settled -> 'pastAttempt', '[]'),
            lost_count = lost_count + COALESCE((settled ->> 'lost')::integer, 0),
            released_count = released_count + COALESCE((settled ->> 'released')::integer, 0),
            not_before = moment + (settled ->> 'delayMs')::double precision * interval '1 millisecond',
            ready_at = CASE WHEN settled ->> 'status' = 'ready' THEN moment ELSE ready_at END,
            lease_token = NULL,
            lease_expires_at = NULL,
            deadline = NULL,
            finished_at = CASE WHEN settled ->> 'status' <> 'ready' THEN GREATEST(moment, started_at) END,
            revision = next_revision
        WHERE id = attempt.id;
    END IF;

    IF p ? 'update' THEN
        UPDATE pipelines_steprun s SET
            status = u.status,
            held = u.held,
            reason_code = COALESCE(u.reason_code, ''),
            reason = COALESCE(u.reason, ''),
            error = NULLIF(u.error, 'null'),
            lease_token = NULL,
            lease_expires_at = NULL,
            deadline = NULL,
            ready_at = CASE WHEN u.status = 'ready' THEN moment ELSE s.ready_at END,
            finished_at = CASE WHEN u.status IN ('skipped', 'failed', 'completed', 'cancelled')
                               THEN GREATEST(moment, s.started_at) END,
            revision = next_revision
        FROM jsonb_to_recordset(p -> 'update')
             AS u(id uuid, status text, held boolean, reason_code text, reason text, error jsonb)
        WHERE s.id = u.id AND s.finished_at IS NULL AND (s.status <> 'running' OR u.status = 'cancelled');
    END IF;
    IF p ? 'insert' THEN
        INSERT INTO pipelines_steprun (
            id, created_at, pipeline_run_id, step_version_id, node_key, map_index, status, attempt, lost_count,
            past_attempts, params, error, reason_code, reason, held, pool, weight, ready_at, finished_at, revision
        )
        SELECT i.id, moment, run.id, i.step_version_id, i.node_key, i.map_index, i.status, 0, 0, '[]', '{}', i.error,
               COALESCE(i.reason_code, ''), COALESCE(i.reason, ''), COALESCE(i.held, false), COALESCE(i.pool, ''),
               COALESCE(i.weight, 1), CASE WHEN i.status = 'ready' THEN moment END,
               CASE WHEN i.status IN ('skipped', 'failed', 'completed', 'cancelled') THEN moment END, next_revision
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
            revision = next_revision
        WHERE id = run.id;
    ELSIF known IS NOT NULL THEN
        UPDATE pipelines_pipelinerun SET revision = next_revision WHERE id = run.id;
    END IF;

    IF p ? 'claims' THEN
        -- Whoever takes from a pool waits here for the others, so that two can't both take the last place.
        PERFORM 1 FROM pipelines_concurrencypool
        WHERE key IN (SELECT c ->> 'pool' FROM jsonb_array_elements(p -> 'claims') c) ORDER BY key FOR NO KEY UPDATE;
        FOR candidate IN
            SELECT * FROM jsonb_to_recordset(p -> 'claims') AS w(
                id uuid, token uuid, params jsonb, "leaseMs" double precision, "timeoutMs" double precision,
                pool text, weight integer
            )
        LOOP
            EXIT WHEN wanted <= 0;
            IF candidate.pool IS NOT NULL AND NOT pipelines_pool_has_room(candidate.pool, candidate.weight) THEN
                refused := refused || to_jsonb(candidate.id);
                CONTINUE;
            END IF;
            UPDATE pipelines_steprun s SET
                status = 'running',
                attempt = s.attempt + 1,
                params = candidate.params,
                lease_token = candidate.token,
                lease_expires_at = moment + candidate."leaseMs" * interval '1 millisecond',
                deadline = moment + candidate."timeoutMs" * interval '1 millisecond',
                progress_done = NULL,
                progress_total = NULL,
                not_before = NULL,
                started_at = moment
            WHERE s.id = candidate.id AND s.status = 'ready' AND (s.not_before IS NULL OR s.not_before <= moment)
            RETURNING s.attempt INTO took_attempt;
            IF FOUND THEN
                taken := taken || jsonb_build_object('id', candidate.id, 'attempt', took_attempt);
                wanted := wanted - 1;
            ELSE
                refused := refused || to_jsonb(candidate.id);
            END IF;
        END LOOP;
        IF p ? 'dequeue' AND taken <> '[]' THEN
            DELETE FROM procrastinate_jobs
            WHERE status = 'todo' AND queueing_lock IN (SELECT t ->> 'id' FROM jsonb_array_elements(taken) t);
        END IF;
    END IF;

    RETURN jsonb_build_object(
        'outcome', 'done',
        'revision', run.revision + CASE WHEN known IS NOT NULL THEN 1 ELSE 0 END,
        'claimed', taken,
        'refused', refused,
        'validationMode', (SELECT value FROM monitoring_featureflag WHERE key = 'IR_VALIDATION_MODE')
    );
END
$$;

-- The rows of a run that moved after a revision, as an executor keeps them in memory.
CREATE OR REPLACE FUNCTION pipelines_moved_rows(run_id uuid, since integer, moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT COALESCE(jsonb_agg(jsonb_build_array(
            s.node_key, s.map_index, s.id, s.status, s.held, s.reason_code, s.attempt, s.lost_count, s.released_count,
            COALESCE(s.not_before > moment, false)
        ) ORDER BY s.id), '[]')
        FROM pipelines_steprun s
        WHERE s.pipeline_run_id = run_id AND s.revision > since
    );
END
$$;

-- Whether a step of this weight fits beside what runs now. The places taken are those of running rows, so a dead worker
-- keeps one no longer than its lease. A pool that was never made has no limit; a step heavier than the pool runs alone.
CREATE OR REPLACE FUNCTION pipelines_pool_has_room(pool_key text, taking integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((
        SELECT used.weight = 0 OR used.weight + taking <= pool."limit"
        FROM pipelines_concurrencypool pool,
             (SELECT COALESCE(sum(s.weight), 0) AS weight FROM pipelines_steprun s
              WHERE s.status = 'running' AND s.pool = pool_key) used
        WHERE pool.key = pool_key
    ), true);
END
$$;

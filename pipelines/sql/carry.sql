-- One round trip of an executor: settle attempts with all of their records, apply the moves that follow from it, and
-- claim what this executor runs next. All of it happens, or none of it. Only this server's clock counts.
--
-- p, every part but runId optional:
--   runId, revision   the run, and the revision from which the moves were computed
--   run               the run's own row, by column, where this call makes it
--   settles           [{id, token, status, error, reason, pastAttempt, lost, released, overdue, delayMs}]; the last four
--                     say how an attempt ended that did not end by itself, and when it is tried again; pastAttempt is
--                     a list of one, which is kept with its times
--   update            [{id, status, held, reason_code, reason, error}]   rows of the run that move
--   insert            [rows of pipelines_steprun]                        rows of a new run, or of a forEach
--   finish            {status}                                           the run ends; its error is that of the first
--                     step which failed and may not
--   claims            [{id, status, token, params, leaseMs, timeoutMs, pool, weight, fresh}]   candidates, the best
--                     first; their status is `running`, and the fresh ones become ready in this call
--   claimLimit        how many of the candidates to take; all where it is left out
--   dequeue           true where claimed steps may have jobs in the queue, which then go
--   jobs              [{id, queue, priority, delayMs, inLine}]   steps that get a job where they are not claimed here;
--                     those inLine get it from their pool, when it is their turn
--   pools             keys of the pools in which this call may take or free places
--   turns             true where those who wait for a place are told by a job; else they ask again and again
-- records: {artifacts: [], metrics: [], testRuns: [], testResults: [], prompts: [{promptData, promptResult}], logs: []},
--     as rows of their tables
-- irs: the IRs of the artifacts, in their order, apart because they can be large.
--
-- The answer: {outcome, revision, rows, claimed: [{id, attempt}], refused: [id], ended: {error, finishedAt},
-- validationMode, queues}. queues are those that got a job; ended says how the run ended where it did; validationMode is the state of the flag IR_VALIDATION_MODE
-- where something was claimed. outcome is
--   done      everything was written
--   lost      an attempt no longer holds its lease, or the run has ended; nothing was written
--   overdue   an attempt's time was up; nothing was written, and it still holds its lease
--   stale     somebody else moved the run since `revision`; nothing was written, the moves must be computed anew
-- rows are the run's rows that moved since `revision`, where others moved them; refused are candidates that others were
-- quicker with, that are not due, or whose pool is full.
--
-- All rows that move do so in one UPDATE: PostgreSQL reads a table's check constraints anew for every statement, which
-- was a fifth of the time. The plans are made once for a connection, and go by index whatever the statistics say.
CREATE OR REPLACE FUNCTION pipelines_carry_on(p jsonb, records jsonb, irs jsonb) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    run record;
    settling record;
    taking record;
    settles constant jsonb := COALESCE(p -> 'settles', '[]');
    known constant integer := (p ->> 'revision')::integer;
    moment timestamptz;
    next_revision integer;
    moves jsonb := COALESCE(p -> 'update', '[]') || settles;
    chosen uuid[] := '{}';
    in_line uuid[] := '{}';
    refused jsonb := '[]';
    claimed jsonb;
    ended jsonb;
    queues jsonb := '[]';
BEGIN
    IF p ? 'run' THEN
        INSERT INTO pipelines_pipelinerun SELECT r.* FROM jsonb_populate_record(NULL::pipelines_pipelinerun, p -> 'run') r;
    END IF;
    SELECT id, status, revision, priority INTO run FROM pipelines_pipelinerun
    WHERE id = (p ->> 'runId')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND OR run.status <> 'running' THEN
        RETURN jsonb_build_object('outcome', 'lost', 'revision', COALESCE(run.revision, 0));
    END IF;
    moment := clock_timestamp();
    next_revision := run.revision + 1;
    settling := pipelines_settling(settles, moment);
    IF settling.refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', settling.refusal, 'revision', run.revision);
    END IF;
    -- A call that only claims decides nothing, so it names no revision.
    IF run.revision <> known THEN
        RETURN jsonb_build_object(
            'outcome', 'stale', 'revision', run.revision, 'rows', pipelines_moved_rows(run.id, known, moment)
        );
    END IF;

    IF records IS NOT NULL THEN
        PERFORM pipelines_keep_records(records, irs, moment);
    END IF;
    IF p ? 'insert' THEN
        PERFORM pipelines_add_rows(p -> 'insert', run.id, next_revision, moment);
    END IF;
    IF p ? 'pools' OR p @? '$.claims[*].pool' THEN
        PERFORM pipelines_hold_pools(p -> 'pools', p -> 'claims');
    END IF;
    IF p ? 'claims' THEN
        taking := pipelines_choose(
            p -> 'claims', (p ->> 'claimLimit')::integer, settles, settling.ids, settling.places, run.priority,
            p ? 'turns', moment
        );
        chosen := taking.chosen;
        moves := moves || taking.moves;
        refused := taking.refused;
        in_line := taking.in_line;
    END IF;
    IF moves <> '[]' THEN
        claimed := pipelines_move(moves, settling.ids, CASE WHEN known IS NOT NULL THEN next_revision END, moment);
        IF p ? 'dequeue' AND claimed IS NOT NULL THEN
            DELETE FROM procrastinate_jobs
            WHERE status = 'todo' AND queueing_lock IN (SELECT c ->> 'id' FROM jsonb_array_elements(claimed) c);
        END IF;
    END IF;
    IF p ? 'jobs' THEN
        queues := pipelines_enqueue((
            SELECT jsonb_agg(job) FROM jsonb_array_elements(p -> 'jobs') job
            WHERE NOT job ? 'inLine' AND (job ->> 'id')::uuid <> ALL (chosen)
        ), moment);
        in_line := in_line || ARRAY(
            SELECT (job ->> 'id')::uuid FROM jsonb_array_elements(p -> 'jobs') job
            WHERE job ? 'inLine' AND (job ->> 'id')::uuid <> ALL (chosen)
        );
    END IF;
    IF in_line <> '{}' THEN
        PERFORM pipelines_get_in_line(in_line, run.priority, p ? 'turns', moment);
    END IF;
    IF p ? 'turns' THEN
        SELECT queues || COALESCE(jsonb_agg(queue), '[]') INTO queues
        FROM jsonb_array_elements_text(p -> 'pools') WITH ORDINALITY AS listed(pool, place),
             jsonb_array_elements(pipelines_give_turns(listed.pool, moment)) queue;
    END IF;
    IF p ? 'finish' THEN
        ended := pipelines_end_run(run.id, p #>> '{finish,status}', next_revision, moment);
    ELSIF known IS NOT NULL THEN
        UPDATE pipelines_pipelinerun SET revision = next_revision WHERE id = run.id;
    END IF;

    RETURN jsonb_build_object(
        'outcome', 'done',
        'revision', run.revision + CASE WHEN known IS NOT NULL THEN 1 ELSE 0 END,
        'claimed', COALESCE(claimed, '[]'),
        'refused', refused,
        'ended', ended,
        'queues', queues,
        'validationMode', CASE WHEN claimed IS NOT NULL THEN monitoring_flag_state('IR_VALIDATION_MODE') END
    );
END
$$;

-- The steps that are to be settled, and how many places that changes in each pool; or why they can't be: the outcome
-- `lost` or `overdue`.
CREATE OR REPLACE FUNCTION pipelines_settling(
    settles jsonb, moment timestamptz, OUT refusal text, OUT ids uuid[], OUT places jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    attempt record;
BEGIN
    ids := '{}';
    places := '{}';
    FOR attempt IN
        SELECT settle.words, s.id, s.deadline, s.lease_expires_at, s.pool, s.weight
        FROM jsonb_array_elements(settles) AS settle(words)
        LEFT JOIN pipelines_steprun s ON s.id = (settle.words ->> 'id')::uuid AND s.status = 'running'
            AND s.lease_token = (settle.words ->> 'token')::uuid
    LOOP
        IF attempt.id IS NULL OR attempt.words ? 'lost' AND attempt.lease_expires_at >= moment THEN
            refusal := 'lost';
            RETURN;
        END IF;
        IF attempt.deadline < moment AND NOT attempt.words ?| ARRAY['lost', 'released', 'overdue'] THEN
            refusal := 'overdue';
            RETURN;
        END IF;
        ids := ids || attempt.id;
        IF attempt.pool <> '' THEN
            places := pipelines_with_places(places, attempt.pool, -attempt.weight);
        END IF;
    END LOOP;
END
$$;

-- Places taken by pool, with so many more in one of them.
CREATE OR REPLACE FUNCTION pipelines_with_places(places jsonb, pool_key text, more integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT places || jsonb_build_object(pool_key, COALESCE((places ->> pool_key)::integer, 0) + more)
$$;

-- Rows of a new run, or those that a forEach adds, as `pipelines_carry_on` takes them.
CREATE OR REPLACE FUNCTION pipelines_add_rows(added jsonb, run_id uuid, new_revision integer, moment timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pipelines_steprun (
        id, created_at, pipeline_run_id, step_version_id, node_key, map_index, status, attempt, lost_count,
        past_attempts, params, error, reason_code, reason, held, pool, weight, ready_at, finished_at, revision
    )
    SELECT i.id, moment, run_id, i.step_version_id, i.node_key, i.map_index, i.status, 0, 0, '[]', '{}', i.error,
           COALESCE(i.reason_code, ''), COALESCE(i.reason, ''), COALESCE(i.held, false), COALESCE(i.pool, ''),
           COALESCE(i.weight, 1), CASE WHEN i.status = 'ready' THEN moment END,
           CASE WHEN i.status IN ('skipped', 'failed', 'completed', 'cancelled') THEN moment END, new_revision
    FROM jsonb_populate_recordset(NULL::pipelines_steprun, added) i;
END
$$;

-- Hold the rows of the pools that are named, and of those in which places are claimed. Whoever takes from a pool waits
-- here for the others, so that two can't both take the last place; and whoever frees a place, so that none is freed
-- while another finds the pool full and gets in line.
CREATE OR REPLACE FUNCTION pipelines_hold_pools(named jsonb, claims jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM pipelines_concurrencypool
    WHERE key IN (
        SELECT c ->> 'pool' FROM jsonb_array_elements(claims) c UNION ALL SELECT jsonb_array_elements_text(named)
    )
    ORDER BY key FOR NO KEY UPDATE;
END
$$;

-- Of the candidates those that this call takes, at most so many, and the moves that take them; those that it does not
-- get, and of them the steps that stand in line for a place. `settled_ids` and `places` are as `pipelines_settling` says.
CREATE OR REPLACE FUNCTION pipelines_choose(
    claims jsonb, wanted integer, settles jsonb, settled_ids uuid[], places jsonb, run_priority integer, turns boolean,
    moment timestamptz, OUT chosen uuid[], OUT moves jsonb, OUT refused jsonb, OUT in_line uuid[]
) LANGUAGE plpgsql AS $$
DECLARE
    candidate record;
BEGIN
    chosen := '{}';
    moves := '[]';
    refused := '[]';
    in_line := '{}';
    FOR candidate IN
        SELECT c.words, s.id, c.words ->> 'pool' AS pool, (c.words ->> 'weight')::integer AS weight,
               c.words ? 'fresh' OR s.status = 'ready' AND (s.not_before IS NULL OR s.not_before <= moment) AS due
        FROM jsonb_array_elements(claims) WITH ORDINALITY AS c(words, place)
        JOIN pipelines_steprun s ON s.id = (c.words ->> 'id')::uuid
        ORDER BY c.place
    LOOP
        EXIT WHEN wanted <= cardinality(chosen);
        IF NOT candidate.due THEN
            refused := refused || to_jsonb(candidate.id);
            CONTINUE;
        END IF;
        IF candidate.pool IS NOT NULL AND NOT pipelines_pool_admits(
            candidate.pool, candidate.weight, COALESCE((places ->> candidate.pool)::integer, 0), candidate.id,
            run_priority, chosen, turns, moment
        ) THEN
            refused := refused || to_jsonb(candidate.id);
            in_line := in_line || candidate.id;
            CONTINUE;
        END IF;
        chosen := chosen || candidate.id;
        -- An attempt that is tried again at once brings along what it came to.
        moves := moves || CASE WHEN candidate.id = ANY (settled_ids) THEN (
            SELECT settle || candidate.words FROM jsonb_array_elements(settles) settle
            WHERE (settle ->> 'id')::uuid = candidate.id
        ) ELSE candidate.words END;
        IF candidate.pool IS NOT NULL THEN
            places := pipelines_with_places(places, candidate.pool, candidate.weight);
        END IF;
    END LOOP;
END
$$;

-- Have steps that found their pool full stand in its line. Who asks again and again stands there as long as he does, and
-- no longer.
CREATE OR REPLACE FUNCTION pipelines_get_in_line(step_ids uuid[], run_priority integer, turns boolean, moment timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pipelines_steprun SET
        pool_priority = run_priority,
        pool_until = CASE WHEN NOT turns THEN moment + interval '10 seconds' END
    WHERE id = ANY (step_ids) AND status = 'ready' AND (
        pool_priority IS NULL
        OR CASE WHEN turns THEN pool_until IS NOT NULL
                ELSE COALESCE(pool_until < moment + interval '5 seconds', true) END
    );
END
$$;

-- Move step runs, each with its words; those that are taken: [{id, attempt}], or null. Without a revision theirs stays.
CREATE OR REPLACE FUNCTION pipelines_move(moves jsonb, settled_ids uuid[], new_revision integer, moment timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    claimed jsonb;
BEGIN
    WITH moved AS (
        UPDATE pipelines_steprun s SET
            status = m.status,
            held = COALESCE(m.held, false),
            reason_code = COALESCE(m.reason_code, ''),
            reason = COALESCE(m.reason, ''),
            error = NULLIF(m.error, 'null'),
            attempt = CASE WHEN m.status = 'running' THEN s.attempt + 1 ELSE s.attempt END,
            past_attempts = CASE WHEN m."pastAttempt" IS NULL THEN s.past_attempts ELSE s.past_attempts || jsonb_build_array(
                m."pastAttempt" -> 0 || jsonb_build_object('startedAt', s.started_at, 'endedAt', moment)
            ) END,
            lost_count = s.lost_count + COALESCE(m.lost, 0),
            released_count = s.released_count + COALESCE(m.released, 0),
            params = COALESCE(m.params, s.params),
            lease_token = CASE WHEN m.status = 'running' THEN m.token END,
            lease_expires_at = moment + m."leaseMs" * interval '1 millisecond',
            deadline = moment + m."timeoutMs" * interval '1 millisecond',
            pool_priority = NULL,
            pool_until = NULL,
            progress_done = CASE WHEN m.status <> 'running' THEN s.progress_done END,
            progress_total = CASE WHEN m.status <> 'running' THEN s.progress_total END,
            not_before = CASE WHEN m.status <> 'running' THEN moment + m."delayMs" * interval '1 millisecond' END,
            ready_at = CASE WHEN m.status = 'ready' OR m.fresh THEN moment ELSE s.ready_at END,
            started_at = CASE WHEN m.status = 'running' THEN moment ELSE s.started_at END,
            finished_at = CASE WHEN m.status IN ('skipped', 'failed', 'completed', 'cancelled')
                               THEN GREATEST(moment, s.started_at) END,
            revision = COALESCE(new_revision, s.revision)
        FROM (
            -- A row that becomes ready and is taken at once is listed twice.
            SELECT DISTINCT ON (id) * FROM jsonb_to_recordset(moves) AS listed(
                id uuid, status text, held boolean, reason_code text, reason text, error jsonb, token uuid,
                params jsonb, fresh boolean, "pastAttempt" jsonb, lost integer, released integer,
                "delayMs" double precision, "leaseMs" double precision, "timeoutMs" double precision
            )
            ORDER BY id, status = 'running' DESC
        ) m
        WHERE s.id = m.id AND (
            m.status = 'running' OR m.id = ANY (settled_ids)
            OR s.finished_at IS NULL AND (s.status <> 'running' OR m.status = 'cancelled')
        )
        RETURNING s.id, s.attempt, s.status
    )
    SELECT jsonb_agg(jsonb_build_object('id', moved.id, 'attempt', moved.attempt)) INTO claimed
    FROM moved WHERE moved.status = 'running';
    RETURN claimed;
END
$$;

-- What attempts leave, as `pipelines_carry_on` takes it.
CREATE OR REPLACE FUNCTION pipelines_keep_records(records jsonb, irs jsonb, moment timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF records ? 'artifacts' THEN
        INSERT INTO ir_schemas_irartifact (
            id, created_at, size_bytes, content_hash, step_run_id, attempt, ir_json, outcome, is_valid,
            validation_errors, error_count, schema_id, schema_definition_id, validation_mode, engine, engine_version
        )
        SELECT a.id, moment, a.size_bytes, a.content_hash, a.step_run_id, a.attempt, irs -> (e.place - 1)::integer,
               a.outcome, a.is_valid, a.validation_errors, a.error_count, a.schema_id, a.schema_definition_id, a.validation_mode, a.engine,
               a.engine_version
        FROM jsonb_array_elements(records -> 'artifacts') WITH ORDINALITY AS e(words, place),
             jsonb_populate_record(NULL::ir_schemas_irartifact, e.words) a;
    END IF;
    IF records ? 'metrics' THEN
        INSERT INTO metrics_metricresult (id, created_at, step_run_id, attempt, metric_id, profile_id, value, passed, details)
        SELECT m.id, moment, m.step_run_id, m.attempt, m.metric_id, m.profile_id, m.value, m.passed, m.details
        FROM jsonb_populate_recordset(NULL::metrics_metricresult, records -> 'metrics') m;
    END IF;
    IF records ? 'testRuns' THEN
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
        FROM jsonb_populate_recordset(NULL::test_run, records -> 'testRuns') t
        JOIN pipelines_steprun s ON s.id = t.step_run_id;
        INSERT INTO test_result (id, created_at, test_run_id, name, status, duration_ms, details)
        SELECT r.id, moment, r.test_run_id, r.name, r.status, r.duration_ms, r.details
        FROM jsonb_populate_recordset(NULL::test_result, records -> 'testResults') r;
    END IF;
    IF records ? 'prompts' THEN
        INSERT INTO prompt_data (
            id, created_at, size_bytes, content_hash, ai_prompt_id, step_run_id, pipeline_id, section_id, prompt, context,
            metadata
        )
        SELECT d.id, moment, d.size_bytes, d.content_hash, d.ai_prompt_id, d.step_run_id, d.pipeline_id, d.section_id,
               d.prompt, d.context, d.metadata
        FROM jsonb_array_elements(records -> 'prompts') e, jsonb_populate_record(NULL::prompt_data, e -> 'promptData') d;
        INSERT INTO prompt_results (
            id, created_at, size_bytes, content_hash, prompt_data_id, result, metrics, tokens_in, tokens_out,
            tokens_cached, tokens_reasoning, total_cost_usd, latency_ms, model, provider
        )
        SELECT r.id, moment, r.size_bytes, r.content_hash, r.prompt_data_id, r.result, r.metrics, r.tokens_in,
               r.tokens_out, r.tokens_cached, r.tokens_reasoning, r.total_cost_usd, r.latency_ms, r.model, r.provider
        FROM jsonb_array_elements(records -> 'prompts') e,
             jsonb_populate_record(NULL::prompt_results, e -> 'promptResult') r;
    END IF;
    IF records ? 'logs' THEN
        INSERT INTO pipelines_steplog (id, created_at, step_run_id, attempt, message)
        SELECT l.id, l.created_at, l.step_run_id, l.attempt, l.message
        FROM jsonb_populate_recordset(NULL::pipelines_steplog, records -> 'logs') l
        -- Whoever looks after the step may write them at the same time, in the same order.
        ORDER BY l.id
        ON CONFLICT (id) DO NOTHING;
    END IF;
END
$$;

-- End a run; {error, finishedAt}. The error of one that failed is that of the first step which failed and may not.
CREATE OR REPLACE FUNCTION pipelines_end_run(run_id uuid, end_status text, end_revision integer, moment timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ended jsonb;
BEGIN
    UPDATE pipelines_pipelinerun SET
        status = end_status,
        error = CASE WHEN end_status = 'failed' THEN (
            SELECT COALESCE(s.error, '{}') || jsonb_build_object('nodeKey', s.node_key, 'mapIndex', s.map_index)
            FROM pipelines_steprun s
            WHERE s.pipeline_run_id = run_id AND s.status = 'failed' AND s.node_key <> ALL (ARRAY(
                SELECT node ->> 'key' FROM jsonb_array_elements(pipelines_pipelinerun.dag -> 'nodes') node
                WHERE node -> 'continueOnFail' = 'true'
            ))
            ORDER BY s.finished_at, s.id LIMIT 1
        ) END,
        finished_at = GREATEST(moment, created_at),
        revision = end_revision
    WHERE id = run_id
    RETURNING jsonb_build_object('error', error, 'finishedAt', finished_at) INTO ended;
    RETURN ended;
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

-- Whether a step of this weight fits beside what runs now, what the caller is about to add to that, and the steps that
-- stand in line before it: those of a higher priority, and older ones. Whoever asks holds the pool's row. The places
-- taken are those of running rows, so a dead worker keeps one no longer than its lease. A pool that was never made has
-- no limit; a step heavier than the pool runs alone.
--
-- Of those in line only such count as somebody waits for: they have been given their turn lately, or ask lately, or,
-- where there are `turns`, will be given it. `chosen` are those that the caller has counted as added.
CREATE OR REPLACE FUNCTION pipelines_pool_admits(
    pool_key text, taking integer, adding integer, step_id uuid, step_priority integer, chosen uuid[], turns boolean,
    moment timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    most constant integer := (SELECT pool."limit" FROM pipelines_concurrencypool pool WHERE pool.key = pool_key);
    used integer;
BEGIN
    IF most IS NULL THEN
        RETURN true;
    END IF;
    used := adding + COALESCE((
        SELECT sum(s.weight) FROM pipelines_steprun s WHERE s.status = 'running' AND s.pool = pool_key
    ), 0);
    IF used > 0 AND used + taking > most THEN
        RETURN false;
    END IF;
    -- Each weighs 1 at least, so no more of them need be read than there are places.
    used := used + COALESCE((
        SELECT sum(before.weight) FROM (
            SELECT s.weight FROM pipelines_steprun s
            WHERE s.status = 'ready' AND s.pool = pool_key AND s.pool_priority IS NOT NULL
                AND COALESCE(s.pool_until > moment, turns)
                AND (s.pool_priority > step_priority OR s.pool_priority = step_priority AND s.id < step_id)
                AND s.id <> ALL (chosen)
            ORDER BY s.pool_priority DESC, s.id LIMIT most - used
        ) before
    ), 0);
    RETURN used = 0 OR used + taking <= most;
END
$$;

-- Give the first in a pool's line their turn, as many as fit beside what runs now: each gets a job, and a minute in which
-- its place is kept. The queues that got one. Whoever calls holds the pool's row.
CREATE OR REPLACE FUNCTION pipelines_give_turns(pool_key text, moment timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    most constant integer := (SELECT pool."limit" FROM pipelines_concurrencypool pool WHERE pool.key = pool_key);
    used integer;
    step record;
    jobs jsonb := '[]';
BEGIN
    used := COALESCE((
        SELECT sum(s.weight) FROM pipelines_steprun s WHERE s.status = 'running' AND s.pool = pool_key
    ), 0);
    IF used >= most THEN
        RETURN '[]';
    END IF;
    FOR step IN
        SELECT s.id, s.weight, s.pool_priority, s.pool_until, version.handler
        FROM pipelines_steprun s JOIN pipelines_stepversion version ON version.id = s.step_version_id
        WHERE s.status = 'ready' AND s.pool = pool_key AND s.pool_priority IS NOT NULL
            AND COALESCE(s.pool_until > moment, true)
        ORDER BY s.pool_priority DESC, s.id LIMIT LEAST(most - used, 1000)
        FOR NO KEY UPDATE OF s SKIP LOCKED
    LOOP
        EXIT WHEN used > 0 AND used + step.weight > most;
        used := used + step.weight;
        CONTINUE WHEN step.pool_until IS NOT NULL;
        UPDATE pipelines_steprun SET pool_until = moment + interval '1 minute' WHERE id = step.id;
        jobs := jobs || jsonb_build_object(
            'id', step.id, 'queue', step.handler, 'priority', step.pool_priority, 'turn', true
        );
    END LOOP;
    RETURN CASE WHEN jobs = '[]' THEN jobs ELSE pipelines_enqueue(jobs, moment) END;
END
$$;

-- Jobs for steps that are ready, in the caller's transaction; the queues that got one.
--
-- steps: [{id, queue, priority, delayMs, turn}]; a step that has a job waiting already gets no second. A place in a pool
-- is kept for one whose `turn` it is, so its job goes before all others of its priority: they have waited less, and the
-- place would stand empty meanwhile.
CREATE OR REPLACE FUNCTION pipelines_enqueue(steps jsonb, moment timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    jobs procrastinate_job_to_defer_v1[];
BEGIN
    SELECT array_agg(ROW(
        step.queue, 'pipelines.carry_step', 2 * step.priority + COALESCE(step.turn, false)::integer, NULL, step.id::text,
        jsonb_build_object('step_run_id', step.id), moment + step."delayMs" * interval '1 millisecond'
    )::procrastinate_job_to_defer_v1) INTO jobs
    FROM jsonb_to_recordset(steps) AS step(
        id uuid, queue text, priority integer, "delayMs" double precision, turn boolean
    )
    WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs job WHERE job.status = 'todo' AND job.queueing_lock = step.id::text
    );
    IF jobs IS NULL THEN
        RETURN '[]';
    END IF;
    PERFORM procrastinate_defer_jobs_v1(jobs);
    RETURN (SELECT jsonb_agg(DISTINCT (job).queue_name) FROM unnest(jobs) job);
END
$$;

-- Sums over the window [%(start)s, %(stop)s) by group, the groups with the most runs first, after their total, whose
-- key is null. One statement, so one snapshot: what was committed before it counts once, whether folded or not.
--
--   %(by)s       prompt, model, hour, day or week (UTC, from Monday)
--   %(by_hour)s  true where days are too coarse
--   %(most)s     how many groups
--   %(slice)s    the coarsest slice of the rollups that tells the groups and filters apart
--   %(type)s, %(prompt)s, %(model)s   null, or what to narrow to
--
-- Marked hours and the window's ragged ends are read from the runs; the others of a day from its rollup, where it holds
-- none of those, as today's before the hour under way is first folded; of what days are left, each from the hour's own.
-- What is LATERAL is asked once an hour: the planner, who cannot guess how few there are, must not read whole tables.
WITH RECURSIVE marked(period) AS (
    (SELECT m.period FROM monitoring_rollupmark m
     WHERE m.period >= date_trunc('hour', %(start)s::timestamptz, 'UTC') AND m.period < %(stop)s::timestamptz
     ORDER BY m.period LIMIT 1)
    UNION ALL
    SELECT later.period FROM marked, LATERAL (
        SELECT m.period FROM monitoring_rollupmark m
        WHERE m.period > marked.period AND m.period < %(stop)s::timestamptz ORDER BY m.period LIMIT 1
    ) later
), unfolded AS MATERIALIZED (
    SELECT period FROM marked
    UNION
    SELECT date_trunc('hour', ragged, 'UTC') FROM unnest(ARRAY[%(start)s::timestamptz, %(stop)s::timestamptz]) ragged
    WHERE ragged <> date_trunc('hour', ragged, 'UTC')
), stale AS MATERIALIZED (
    SELECT u.period FROM unfolded u, LATERAL (
        SELECT FROM monitoring_runrollup v WHERE v.grain = 'hour' AND v.slice = 'all' AND v.period = u.period LIMIT 1
    ) outdated
), days AS MATERIALIZED (
    SELECT
        day AS start, day + interval '24 hours' AS stop,
        NOT %(by_hour)s AND day >= %(start)s::timestamptz AND day + interval '24 hours' <= %(stop)s::timestamptz
        AND NOT EXISTS (SELECT FROM stale WHERE period >= day AND period < day + interval '24 hours') AS is_whole
    FROM generate_series(
        date_trunc('day', %(start)s::timestamptz, 'UTC'), %(stop)s::timestamptz - interval '1 microsecond',
        interval '24 hours'
    ) day
), folded AS MATERIALIZED (
    SELECT 'day' AS grain, start AS period FROM days WHERE is_whole
    UNION ALL
    SELECT 'hour', hour FROM days, generate_series(
        GREATEST(start, date_trunc('hour', %(start)s::timestamptz, 'UTC')),
        LEAST(stop, %(stop)s::timestamptz) - interval '1 microsecond', interval '1 hour'
    ) hour
    WHERE NOT is_whole AND hour NOT IN (SELECT period FROM unfolded)
), cells AS (
    SELECT r.period, r.prompt_id, r.model, r.latencies, {measures}
    FROM folded, LATERAL (
        SELECT * FROM monitoring_runrollup v
        WHERE v.grain = folded.grain AND v.slice = %(slice)s AND v.period = folded.period
          AND (%(type)s::text IS NULL OR v.type = %(type)s)
          AND (%(prompt)s::uuid IS NULL OR v.prompt_id = %(prompt)s::uuid)
          AND (%(model)s::text IS NULL OR v.model = %(model)s)
        OFFSET 0
    ) r
    UNION ALL
    SELECT unfolded.period, r.prompt_id, r.model, r.latencies, {measures}
    FROM unfolded, LATERAL (
        SELECT
            CASE WHEN %(by)s = 'prompt' THEN v.prompt_id END AS prompt_id,
            CASE WHEN %(by)s = 'model' THEN v.model END AS model,
            sum(b.one) AS latencies, {sums}
        FROM monitoring_run_cells_v v
        LEFT JOIN monitoring_latency_buckets_v b ON b.bucket = v.bucket
        WHERE v.period >= GREATEST(unfolded.period, %(start)s::timestamptz)
          AND v.period < LEAST(unfolded.period + interval '1 hour', %(stop)s::timestamptz)
          AND (%(type)s::text IS NULL OR v.type = %(type)s)
          AND (%(prompt)s::uuid IS NULL OR v.prompt_id = %(prompt)s::uuid)
          AND (%(model)s::text IS NULL OR v.model = %(model)s)
        GROUP BY 1, 2
    ) r
), groups AS MATERIALIZED (
    SELECT
        CASE %(by)s
            WHEN 'prompt' THEN COALESCE(prompt_id::text, '')
            WHEN 'model' THEN model
            ELSE to_char(date_trunc(%(unit)s, period, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        END AS key,
        sum(latencies) AS latencies, {sums}
    FROM cells
    GROUP BY 1
)
SELECT NULL AS key, vector_send(sum(latencies)) AS latencies, {sums} FROM groups
UNION ALL
(SELECT key, vector_send(latencies), {measures} FROM groups ORDER BY runs DESC, key LIMIT %(most)s)

-- The finest rollups of some hours of a day, computed from their runs. %(hours)s: timestamptz[], on the hour.
INSERT INTO monitoring_runrollup (grain, slice, period, type, prompt_id, model, latencies, {measures})
SELECT 'hour', 'prompt_model', h.period, c.type, c.prompt_id, c.model, sum(b.one), {sums}
FROM unnest(%(hours)s::timestamptz[]) h(period)
CROSS JOIN LATERAL (
    SELECT * FROM monitoring_run_cells_v v
    WHERE v.period >= h.period AND v.period < h.period + interval '1 hour'
    OFFSET 0  -- or the planner might read every run for each hour
) c
LEFT JOIN monitoring_latency_buckets_v b ON b.bucket = c.bucket
GROUP BY h.period, c.type, c.prompt_id, c.model
ORDER BY h.period, c.type, c.prompt_id, c.model

-- The coarser slices of one grain, summed from the finest. %(grain)s; %(periods)s: timestamptz[].
INSERT INTO monitoring_runrollup (grain, slice, period, type, prompt_id, model, latencies, {measures})
SELECT
    grain,
    CASE WHEN grouping(prompt_id) = 0 THEN 'prompt' WHEN grouping(model) = 0 THEN 'model' ELSE 'all' END,
    period, type, prompt_id, COALESCE(model, ''), sum(latencies), {sums}
FROM monitoring_runrollup
WHERE grain = %(grain)s AND slice = 'prompt_model' AND period = ANY(%(periods)s::timestamptz[])
GROUP BY grain, period, type, GROUPING SETS ((prompt_id), (model), ())
ORDER BY 2, period, type, prompt_id, model

-- The finest rollups of a day, summed from those of its hours. %(day)s: timestamptz, midnight UTC.
INSERT INTO monitoring_runrollup (grain, slice, period, type, prompt_id, model, latencies, {measures})
SELECT 'day', 'prompt_model', %(day)s::timestamptz, type, prompt_id, model, sum(latencies), {sums}
FROM monitoring_runrollup
WHERE grain = 'hour' AND slice = 'prompt_model'
  AND period >= %(day)s::timestamptz AND period < %(day)s::timestamptz + interval '24 hours'
GROUP BY type, prompt_id, model
ORDER BY type, prompt_id, model

-- Sums of a pipeline's runs that began in [%(start)s, %(stop)s), by the hour (UTC); no rollup tells pipelines apart.
-- %(prompt)s and %(model)s are null, or what else to narrow to.
SELECT date_trunc('hour', r.period, 'UTC') AS key, vector_send(sum(b.one)) AS latencies, {sums}
FROM monitoring_run_cells_v r
LEFT JOIN monitoring_latency_buckets_v b ON b.bucket = r.bucket
WHERE r.pipeline_id = %(pipeline)s::uuid AND r.type = %(type)s
  AND r.period >= %(start)s::timestamptz AND r.period < %(stop)s::timestamptz
  AND (%(prompt)s::uuid IS NULL OR r.prompt_id = %(prompt)s::uuid)
  AND (%(model)s::text IS NULL OR r.model = %(model)s)
GROUP BY 1

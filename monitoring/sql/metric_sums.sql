-- Sums of a metric's results that were written in [%(start)s, %(stop)s), by the hour (UTC). Keys are made of the time, so
-- that the index over metric and key holds the window together; the row's own time decides at its edges.
SELECT
    date_trunc('hour', created_at, 'UTC') AS hour,
    count(*) AS runs,
    count(value) AS measured,
    COALESCE(sum(value), 0) AS value,
    count(passed) AS judged,
    count(*) FILTER (WHERE passed) AS passed
FROM metrics_metricresult
WHERE metric_id = %(metric)s AND id >= %(first)s AND created_at >= %(start)s AND created_at < %(stop)s
GROUP BY 1

-- What rollups are made of. The buckets are those of monitoring/histogram.py.
CREATE OR REPLACE FUNCTION monitoring_latency_bucket(latency_ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- No latency has no bucket.
    SELECT CASE WHEN latency_ms <= 1 THEN 0
                WHEN latency_ms > 1 THEN LEAST(159, ceil(ln(latency_ms) / ln(1.05::double precision / 0.95)))::integer
           END
$$;

-- Joined by their bucket, rows have their histogram in sum(one); sum() of histograms adds them. Each is cut out of one
-- vector, as making 160 of them took longer than reading the rollups of a month.
CREATE OR REPLACE VIEW monitoring_latency_buckets_v AS
SELECT
    bucket,
    subvector(
        (array_fill(0::real, ARRAY[159]) || 1::real || array_fill(0::real, ARRAY[159]))::vector, 160 - bucket, 160
    )::vector(160) AS one
FROM generate_series(0, 159) bucket;

-- Every test run as a rollup of itself alone, but for its latency's bucket, so that runs and rollups are summed alike.
CREATE OR REPLACE VIEW monitoring_run_cells_v AS
SELECT
    started_at AS period, type, prompt_id, model,
    1 AS runs,
    (status = 'running')::integer AS running,
    (status = 'passed')::integer AS passed,
    (status = 'failed')::integer AS failed,
    (status = 'error')::integer AS errored,
    (validation_passed IS NOT NULL)::integer AS validated,
    (validation_passed IS TRUE)::integer AS valid,
    (tokens_in IS NOT NULL)::integer AS metered,
    COALESCE(tokens_in, 0) AS tokens_in,
    COALESCE(tokens_out, 0) AS tokens_out,
    COALESCE(tokens_cached, 0) AS tokens_cached,
    COALESCE(tokens_reasoning, 0) AS tokens_reasoning,
    (cost_usd IS NOT NULL)::integer AS priced,
    (cost_usd IS NULL AND model <> '')::integer AS unpriced,
    COALESCE(cost_usd, 0) AS cost_usd,
    (latency_ms IS NOT NULL)::integer AS timed,
    COALESCE(latency_ms, 0) AS latency_ms,
    monitoring_latency_bucket(latency_ms) AS bucket,
    (score_overall IS NOT NULL)::integer AS scored_overall, COALESCE(score_overall, 0) AS score_overall,
    (score_html IS NOT NULL)::integer AS scored_html, COALESCE(score_html, 0) AS score_html,
    (score_accessibility IS NOT NULL)::integer AS scored_accessibility,
    COALESCE(score_accessibility, 0) AS score_accessibility,
    (score_performance IS NOT NULL)::integer AS scored_performance,
    COALESCE(score_performance, 0) AS score_performance,
    (score_hubspot IS NOT NULL)::integer AS scored_hubspot, COALESCE(score_hubspot, 0) AS score_hubspot,
    (score_seo IS NOT NULL)::integer AS scored_seo, COALESCE(score_seo, 0) AS score_seo,
    (score_tailwind IS NOT NULL)::integer AS scored_tailwind, COALESCE(score_tailwind, 0) AS score_tailwind,
    pipeline_id
FROM test_run;

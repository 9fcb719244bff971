CREATE VIEW metrics_results_v AS
SELECT result.id,
       result.created_at,
       metric.key              AS metric_key,
       metric.unit,
       metric.direction,
       metric.target,
       profile.key             AS profile_key,
       profile_item.threshold,
       profile_item.weight,
       result.value,
       result.passed,
       result.details,
       step_run.node_key,
       step_run.map_index,
       result.attempt,
       step_run.id             AS step_run_id,
       step.key                AS step_key,
       step_version.version    AS step_version,
       run.id                  AS pipeline_run_id,
       pipeline.key            AS pipeline_key,
       pipeline_version.version AS pipeline_version,
       run.run_group_id,
       run.design_split_id
FROM metrics_metricresult result
JOIN metrics_metricdefinition metric ON metric.id = result.metric_id
JOIN pipelines_steprun step_run ON step_run.id = result.step_run_id
JOIN pipelines_stepversion step_version ON step_version.id = step_run.step_version_id
JOIN pipelines_stepdefinition step ON step.id = step_version.step_id
JOIN pipelines_pipelinerun run ON run.id = step_run.pipeline_run_id
JOIN pipelines_pipelineversion pipeline_version ON pipeline_version.id = run.pipeline_version_id
JOIN pipelines_pipelinedefinition pipeline ON pipeline.id = pipeline_version.pipeline_id
LEFT JOIN metrics_metricprofile profile ON profile.id = result.profile_id
LEFT JOIN metrics_metricprofileitem profile_item
       ON profile_item.profile_id = result.profile_id AND profile_item.metric_id = result.metric_id;

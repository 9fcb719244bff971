-- The stored pictures of a design's whole page, and of the part whose key is this JSON: the rows of split_assets.
CREATE OR REPLACE FUNCTION pipelines_review_pictures(design uuid, part jsonb) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE ROWS 2 SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT to_jsonb(asset) FROM split_assets asset
    WHERE asset.split_id = design AND asset.storage_url <> '' AND (asset.kind = 'page' OR asset.meta -> 'key' = part)
    ORDER BY asset.id;
END
$$;

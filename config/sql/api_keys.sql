-- The API keys that begin so (nearly always one or none), each with its user and what that user may do, in one call:
-- the row of knox_authtoken with user, the row of auth_user, and permissions: ["app.codename", ...]. As a function it is
-- planned once a connection; every request of a program asks it.
CREATE OR REPLACE FUNCTION config_api_keys(beginning text) RETURNS SETOF jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT to_jsonb(k) || jsonb_build_object(
        'user', to_jsonb(u),
        'permissions', config_permissions(u.id)
    )
    FROM knox_authtoken k
    JOIN auth_user u ON u.id = k.user_id
    WHERE k.token_key = beginning;
END
$$;

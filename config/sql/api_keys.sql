-- The API keys that begin so (nearly always one or none), each with its user and what that user may do, in one call:
-- the row of knox_authtoken with user, the row of auth_user, and permissions: ["app.codename", ...]. As a function it is
-- planned once a connection; every request of a program asks it.
CREATE OR REPLACE FUNCTION config_api_keys(beginning text) RETURNS SETOF jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT to_jsonb(k) || jsonb_build_object(
        'user', to_jsonb(u),
        'permissions', ARRAY(
            SELECT t.app_label || '.' || p.codename
            FROM (
                SELECT o.permission_id FROM auth_user_user_permissions o WHERE o.user_id = u.id
                UNION
                SELECT g.permission_id FROM auth_group_permissions g
                JOIN auth_user_groups m ON m.group_id = g.group_id WHERE m.user_id = u.id
            ) held
            JOIN auth_permission p ON p.id = held.permission_id
            JOIN django_content_type t ON t.id = p.content_type_id
        )
    )
    FROM knox_authtoken k
    JOIN auth_user u ON u.id = k.user_id
    WHERE k.token_key = beginning;
END
$$;

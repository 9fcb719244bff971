-- What a user may do, "app.codename" each, by themselves or by a group: planned once a connection, where Django's backend
-- asks two questions a request. Whoever may do everything is not asked about.
CREATE OR REPLACE FUNCTION config_permissions(wanted integer) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT t.app_label || '.' || p.codename
        FROM (
            SELECT o.permission_id FROM auth_user_user_permissions o WHERE o.user_id = wanted
            UNION
            SELECT g.permission_id FROM auth_group_permissions g
            JOIN auth_user_groups m ON m.group_id = g.group_id WHERE m.user_id = wanted
        ) held
        JOIN auth_permission p ON p.id = held.permission_id
        JOIN django_content_type t ON t.id = p.content_type_id
    );
END
$$;

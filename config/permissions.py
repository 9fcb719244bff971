"""Default closed: every endpoint asks for the model permission of what it does, reading included."""

from typing import Any

from django.db import connection
from rest_framework.permissions import BasePermission, DjangoModelPermissions
from rest_framework.request import Request


class StrictModelPermissions(DjangoModelPermissions):
    """As DRF's, but reading needs ``view``."""

    perms_map = {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
        "OPTIONS": ["%(app_label)s.view_%(model_name)s"],
        "POST": ["%(app_label)s.add_%(model_name)s"],
        "PUT": ["%(app_label)s.change_%(model_name)s"],
        "PATCH": ["%(app_label)s.change_%(model_name)s"],
        "DELETE": ["%(app_label)s.delete_%(model_name)s"],
    }


def holds(*permissions: str) -> type[BasePermission]:
    """A permission class that asks for one of the named permissions, as ``app.codename``, whatever the method."""

    class Holds(BasePermission):
        def has_permission(self, request: Request, view: Any) -> bool:
            return any(request.user.has_perm(each) for each in permissions)

    return Holds


def permissions_of(user_id: int) -> set[str]:
    """What a user may do, by themselves or by a group, as ``app.codename``; asked of the database in one call."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT config_permissions(%s)", [user_id])
        (found,) = cursor.fetchone()
    return set(found)

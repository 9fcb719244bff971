"""Who may do what on the registry's screens: the same permissions as in its API."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest


def may(request: HttpRequest, verb: str, table: type[Model] | Model) -> bool:
    """Whether the user has the model permission ``view``, ``add`` or ``change`` for a table."""
    return bool(request.user.has_perm(f"ir_schemas.{verb}_{table._meta.model_name}"))


def may_activate(request: HttpRequest) -> bool:
    """Whether the user may put versions in force and retire them."""
    return bool(request.user.has_perm("ir_schemas.activate_irschema"))


def may_override(request: HttpRequest) -> bool:
    """Whether the user may break a line's compatibility."""
    return bool(request.user.has_perm("ir_schemas.override_compatibility"))


def may_judge(request: HttpRequest, version: Any) -> bool:
    """Whether the user may compare and replay, which shows documents and prepares a change."""
    return may(request, "change", version) or may_activate(request)

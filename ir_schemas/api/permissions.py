"""Who may do what with the registry."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ir_schemas.models import AbstractIRSchema
from ir_schemas.selectors import TABLES

ACTIVATE = "ir_schemas.activate_irschema"
OVERRIDE = "ir_schemas.override_compatibility"

_VERBS = {
    "list": "view",
    "retrieve": "view",
    "validate": "view",
    "example": "view",
    "export": "view",
    "create": "add",
}
_ACTIVATING = ("activate", "deactivate")


class RegistryPermission(BasePermission):
    """Each table asks for its own model permission: one may be allowed step schemas and not those of prompts.

    Reading and validating need ``view``, creating ``add``, putting in force and retiring ``activate_irschema``, all
    else ``change``: comparing, replaying and inferring show documents, and prepare a change.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        return any(self.has_object_permission(request, view, table) for table in TABLES)

    def has_object_permission(
        self, request: Request, view: Any, obj: AbstractIRSchema | type[AbstractIRSchema]
    ) -> bool:
        if view.action in _ACTIVATING:
            return request.user.has_perm(ACTIVATE)
        return may(request, _VERBS.get(view.action, "change"), obj)


def may(request: Request, verb: str, table: AbstractIRSchema | type[AbstractIRSchema]) -> bool:
    """Whether the user has the model permission for the table, or for the table of the row."""
    return request.user.has_perm(f"ir_schemas.{verb}_{table._meta.model_name}")

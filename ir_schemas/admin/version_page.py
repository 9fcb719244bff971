"""What a version's page shows around its form."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from config.admin_base import row_link, rows_link
from ir_schemas.admin.forms import LevelForm
from ir_schemas.admin.permissions import may, may_activate, may_judge
from ir_schemas.admin.records import ACTION_COLOURS
from ir_schemas.admin.trial_views import compare_form
from ir_schemas.models import STATE_COLOURS, IRSchema, SchemaEvent, SchemaState
from ir_schemas.services import owner_of, required_level

MOST_EVENTS = 20


def page_context(admin: Any, request: HttpRequest, version: Any) -> dict[str, Any]:
    """The addresses that the editor asks, and of a stored version its state, its history and what can be done."""
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}"
    context = {"check_url": reverse(f"{name}_check"), "example_url": reverse(f"{name}_example")}
    if version is None:
        return context
    owner = owner_of(version)
    return {
        **context,
        "version": version,
        "owner": row_link(owner),
        "state": {"text": version.get_state_display(), "colour": STATE_COLOURS[version.state]},
        "why_frozen": why_frozen(version),
        "level": required_level(owner),
        "level_form": LevelForm(initial={"level": required_level(owner)})
        if request.user.has_perm("ir_schemas.change_schemaline")
        else None,
        "next_url": _next_url(request, version, name),
        "may_activate": may_activate(request) and version.state != SchemaState.ACTIVE,
        "may_retire": may_activate(request) and version.state == SchemaState.ACTIVE,
        "may_judge": may_judge(request, version),
        "compare_form": compare_form(version) if may_judge(request, version) else None,
        **_history(request, version),
    }


def why_frozen(version: Any) -> str:
    """The sentence that says why a version's schema can no longer change; empty for one that can."""
    remedy = "To change something, make the next version from this one."
    if version.state == SchemaState.ACTIVE:
        return f"This version is in force, and people and programs rely on what it says. {remedy}"
    if version.state == SchemaState.RETIRED:
        return f"This version was in force once, and what it accepted then must stay on record. {remedy}"
    if version.artifacts.exists():
        return f"Artifacts were checked against this version, and their verdicts must stay explainable. {remedy}"
    return ""


def _next_url(request: HttpRequest, version: Any, name: str) -> str:
    if not may(request, "add", version):
        return ""
    return reverse(f"{name}_add", query={"from": str(version.pk)})


def _history(request: HttpRequest, version: Any) -> dict[str, Any]:
    if not request.user.has_perm("ir_schemas.view_schemaevent"):
        return {}
    column = "schema" if isinstance(version, IRSchema) else "schema_definition"
    events = version.events.select_related("actor").order_by("-id")[:MOST_EVENTS]
    return {
        "events": [
            {"event": event, "action": {"text": event.get_action_display(), "colour": ACTION_COLOURS[event.action]}}
            for event in events
        ],
        "all_events": rows_link(
            SchemaEvent, "The whole history of this version", **{f"{column}__id__exact": version.pk}
        ),
    }

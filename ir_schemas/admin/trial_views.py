"""Before a version is put in force: what it changes, whom that breaks, and how real documents fare under it."""

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from config.admin_base import row_url
from config.json_html import json_html
from config.problems import DomainError
from ir_schemas.admin.forms import CompareForm
from ir_schemas.admin.permissions import may, may_judge
from ir_schemas.admin.side_by_side import side_by_side
from ir_schemas.compatibility import Comparison, Reading, Verdict
from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition, SchemaState
from ir_schemas.replay import replay
from ir_schemas.services import (
    broken_directions,
    compare_versions,
    owner_of,
    required_level,
    versions_of,
)

REPLAYED = 1_000
MOST_VERSIONS = 200
STATUS_COLOURS = {"compatible": "success", "incompatible": "danger", "undecided": "warning"}
STATUS_WORDS = {"compatible": "Yes", "incompatible": "No", "undecided": "Cannot tell"}
EFFECT_COLOURS = {
    "none": "success",
    "unknown": "warning",
    "backward-breaking": "danger",
    "forward-breaking": "danger",
    "both": "danger",
}
EFFECT_WORDS = {
    "none": "breaks nothing",
    "unknown": "cannot tell",
    "backward-breaking": "breaks old documents",
    "forward-breaking": "breaks readers of the old version",
    "both": "breaks both",
}
Version = IRSchema | IRSchemaDefinition


def get_version(admin: Any, request: HttpRequest, pk: uuid.UUID) -> Any:
    """The version whose page this is, for those who may view it."""
    if not may(request, "view", admin.model):
        raise PermissionDenied
    version = admin.get_object(request, str(pk))
    if version is None:
        raise Http404("There is no such version.")
    return version


def show(admin: Any, request: HttpRequest, version: Version, name: str, **context: Any) -> HttpResponse:
    """One of a version's pages."""
    known = {**admin.admin_site.each_context(request), "opts": admin.opts, "version": version}
    return TemplateResponse(request, f"admin/ir_schemas/{name}.html", {**known, **context})


def compare_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The version beside another of its line, and the verdict in both directions."""
    version = get_version(admin, request, pk)
    if not may_judge(request, version):
        raise PermissionDenied
    form = compare_form(version, request.GET or None)
    context: dict[str, Any] = {"title": f"{version}: compare", "form": form}
    if form is not None and form.is_valid():
        other = versions_of(type(version), owner_of(version)).get(pk=form.cleaned_data["against"])
        context["comparison"] = comparison(other, version, form.cleaned_data["reading"] or "standard")
    return show(admin, request, version, "compare", **context)


def replay_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The last real documents, checked against the version."""
    version = get_version(admin, request, pk)
    if not may_judge(request, version):
        raise PermissionDenied
    return show(admin, request, version, "replay", title=f"{version}: replay", replay=replayed(version))


def compare_form(version: Version, data: Any = None) -> CompareForm | None:
    """The choice of another version, first the one in force, else the latest; None for the first of its line."""
    line = versions_of(type(version), owner_of(version)).exclude(pk=version.pk).defer("schema", "source")
    others = list(line.order_by("-version")[:MOST_VERSIONS])
    if not others:
        return None
    first_choice = next((other for other in others if other.state == SchemaState.ACTIVE), others[0])
    first = {"against": str(first_choice.pk), "reading": "standard"}
    return CompareForm(list(others), {**first, **data.dict()} if data is not None else None, initial=first)


def comparison(old: Version, new: Version, reading: Reading = "standard") -> dict[str, Any]:
    """All that the template shows of putting ``new`` in the place of ``old``."""
    try:
        compared = compare_versions(old, new, reading=reading)
    except DomainError as error:
        return {"old": old, "new": new, "refused": error.message, "rows": side_by_side(old.schema, new.schema)}
    return {
        "old": old,
        "new": new,
        "reading": reading,
        "directions": [
            _direction(
                "Backward", f"Are documents of version {old.version} valid under {new.version}?", compared.backward
            ),
            _direction(
                "Forward", f"Are documents of version {new.version} valid under {old.version}?", compared.forward
            ),
        ],
        "changes": [
            {**change.as_json(), "effect": _chip(change.effect, EFFECT_WORDS, EFFECT_COLOURS)}
            for change in compared.changes
        ],
        "rows": side_by_side(old.schema, new.schema),
        **_level(new, compared),
    }


def replayed(version: Version) -> dict[str, Any]:
    """The replay's result, with the documents that newly fail as links."""
    result = replay(version, last=REPLAYED).as_json()
    for group in result["errors"]:
        group["links"] = [_document_url(result["source"], example) for example in group["examples"]]
    return result


def _direction(name: str, question: str, verdict: Verdict) -> dict[str, Any]:
    refuted = verdict.status == "incompatible"
    return {
        "name": name,
        "question": question,
        "status": _chip(verdict.status, STATUS_WORDS, STATUS_COLOURS),
        "reasons": verdict.reasons,
        "counterexample": json_html(verdict.counterexample) if refuted else None,
    }


def _chip(value: str, words: dict[str, str], colours: dict[str, str]) -> dict[str, str]:
    return {"text": words[value], "colour": colours[value]}


def _level(version: Version, compared: Comparison) -> dict[str, Any]:
    level = required_level(owner_of(version))
    return {"level": level, "keeps_level": not broken_directions(level, compared)}


def _document_url(source: str, key: str) -> str:
    if source == "artifacts":
        return row_url(IRArtifact, key)
    return reverse("admin:pipelines_promptresult_change", args=[key])


PAGES = {"compare": compare_page, "replay": replay_page}

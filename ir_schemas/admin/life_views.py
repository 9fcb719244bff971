"""Putting a version in force, retiring it, and what its line requires: each asks first, and says why it was done."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from config.problems import DomainError
from ir_schemas.admin.forms import ActivateForm, LevelForm, ReasonForm, page_url
from ir_schemas.admin.permissions import may_activate, may_override
from ir_schemas.admin.trial_views import comparison, get_version, show
from ir_schemas.models import CompatibilityLevel
from ir_schemas.services import activate_version, deactivate, in_force_beside, owner_of, require_compatibility


def activate_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Confirm, with a reason, that the version is to be in force."""
    version = get_version(admin, request, pk)
    if not may_activate(request):
        raise PermissionDenied
    form = ActivateForm(request.POST or None, may_override=may_override(request))
    if request.method == "POST" and form.is_valid() and _activate(admin, request, version, form):
        return redirect(page_url(version, "change"))
    before = in_force_beside(version)
    context = {"form": form, "before": before, "comparison": before and comparison(before, version)}
    return show(admin, request, version, "activate", title=f"Put {version} in force", **context)


def retire_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Confirm, with a reason, that the version is to be retired without a successor."""
    version = get_version(admin, request, pk)
    if not may_activate(request):
        raise PermissionDenied
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _retire(admin, request, version, form):
        return redirect(page_url(version, "change"))
    return show(admin, request, version, "retire", title=f"Retire {version}", form=form)


def set_level(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Set what the version's line requires."""
    version = get_version(admin, request, pk)
    if not request.user.has_perm("ir_schemas.change_schemaline"):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    form = LevelForm(request.POST)
    if form.is_valid():
        level = CompatibilityLevel(form.cleaned_data["level"])
        line = require_compatibility(owner=owner_of(version), level=level)
        admin.log_change(request, line, f"Required compatibility set to {level.value}.")
        messages.success(request, f"What {owner_of(version)} requires now: {level.label}.")
    else:
        messages.error(request, "Choose one of the levels that are offered.")
    return redirect(page_url(version, "change"))


def _activate(admin: Any, request: HttpRequest, version: Any, form: ActivateForm) -> bool:
    given = form.cleaned_data
    try:
        activate_version(
            schema=version,
            activated_by=cast(User, request.user),
            reason=given["reason"],
            override=given.get("override", False),
        )
    except DomainError as error:
        _add_refusal(form, error)
        return False
    admin.log_change(request, version, "Put in force.")
    messages.success(request, f"{version} is in force now.")
    return True


def _retire(admin: Any, request: HttpRequest, version: Any, form: ReasonForm) -> bool:
    try:
        deactivate(schema=version, deactivated_by=cast(User, request.user), reason=form.cleaned_data["reason"])
    except DomainError as error:
        _add_refusal(form, error)
        return False
    admin.log_change(request, version, "Retired.")
    messages.success(request, f"{version} is retired; nothing is checked there until a version is put in force.")
    return True


def _add_refusal(form: ReasonForm, error: DomainError) -> None:
    form.add_error(None, error.message)


PAGES = {"activate": activate_page, "retire": retire_page, "level": set_level}

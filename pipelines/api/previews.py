"""A module as a page, for REST."""

from typing import Any

from django.http import Http404, HttpResponse

from config.problems import NotFound
from pipelines.admin.module_preview import preview_response
from pipelines.models import DesignSplit


def module_page(ir: Any, design: DesignSplit | None) -> HttpResponse:
    """As the admin's frame has it, with the same headers. Raises ``NotFound`` for an IR that is no module."""
    try:
        return preview_response(ir, design)
    except Http404 as error:
        raise NotFound(str(error)) from error

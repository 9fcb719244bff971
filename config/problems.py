"""Errors that a person or a program can act on, and their one HTTP form: RFC 9457 problem details.

A service refuses by raising a ``DomainError`` subclass; views, the admin and commands show its message.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

PROBLEM_TYPE = "application/problem+json"


class DomainError(Exception):
    """A refusal. ``code`` is stable kebab-case; ``message`` names the place and the remedy.

    ``errors`` lists single faults where there are several, each a dict with at least ``message``.
    """

    code = "refused"
    status = HTTPStatus.CONFLICT

    def __init__(self, message: str, *, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = list(errors)


class InvalidInput(DomainError):
    code = "invalid-input"
    status = HTTPStatus.BAD_REQUEST


class NotFound(DomainError):
    code = "not-found"
    status = HTTPStatus.NOT_FOUND


def problem(status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """The body of RFC 9457, with our ``code`` and, where given, ``errors``."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
            "code": code, **extra}  # fmt: skip


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error of the API leaves through here."""
    if isinstance(error, DomainError):
        extra = {"errors": error.errors} if error.errors else {}
        return _respond(problem(error.status, error.code, error.message, **extra))
    response = exception_handler(error, context)
    if response is None:
        return None
    body = _from_drf(error, response.status_code)
    return _respond(body, headers=dict(response.items()))


def _from_drf(error: Exception, status: int) -> dict[str, Any]:
    if isinstance(error, Http404):
        return problem(status, "not-found", "There is nothing at this address.")
    if isinstance(error, PermissionDenied):
        return problem(status, "permission-denied", "You do not have the permission that this needs.")
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.detail, ""))
        return problem(status, "invalid-input", f"{len(errors)} of the values sent cannot be used.", errors=errors)
    if isinstance(error, exceptions.APIException):
        code = str(error.get_codes()) if isinstance(error.detail, str) else "refused"
        return problem(status, code.replace("_", "-"), str(error.detail))
    return problem(status, "refused", str(error))


def _field_errors(detail: Any, path: str) -> Any:
    """Flatten DRF's nested detail to ``{path, code, message}``, ``path`` being a JSON Pointer."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            step = "" if key == "non_field_errors" else f"/{key}"
            yield from _field_errors(value, path + step)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _field_errors(value, f"{path}/{index}" if nested else path)
    else:
        yield {"path": path, "code": str(detail.code).replace("_", "-"), "message": str(detail)}


def _respond(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    kept = {name: value for name, value in (headers or {}).items() if name.lower() != "content-type"}
    return Response(body, status=body["status"], headers=kept, content_type=PROBLEM_TYPE)


def _plain(request: HttpRequest, status: HTTPStatus, code: str, detail: str) -> JsonResponse:
    return JsonResponse(problem(status, code, detail), status=status, content_type=PROBLEM_TYPE)


def api_not_found(request: HttpRequest) -> JsonResponse:
    """What an address under /api that leads nowhere answers."""
    return _plain(request, HTTPStatus.NOT_FOUND, "not-found", "There is nothing at this address.")

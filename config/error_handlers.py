"""From an error to its answer: DRF's exception handler, and Django's own for what never reaches a view."""

import logging
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from psycopg.errors import UniqueViolation
from rest_framework import exceptions
from rest_framework.views import exception_handler, set_rollback

from config.json_pointer import escape_token
from config.outages import is_outage
from config.problems import DomainError, PayloadTooLarge, problem

logger = logging.getLogger(__name__)

NOTHING_HERE = "There is nothing at this address."
RETRY_AFTER_SECONDS = 5


def problem_response(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's exception handler: every refusal of the API leaves through here, whatever its view renders.

    None for an error that nobody foresaw: it is logged and answered by ``server_error``.
    """
    if isinstance(error, DomainError):
        extra = {"errors": error.errors} if error.errors else {}
        return problem(error.status, error.code, error.message, **extra)
    if isinstance(error, SuspiciousOperation):
        return _suspicious(error)
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, UniqueViolation):
        return _already_there(error.__cause__)
    answer = exception_handler(error, dict(context))
    if answer is None:
        return None
    response = _from_drf(error, answer.status_code)
    for name, value in answer.items():
        response.headers.setdefault(name, value)
    return response


def _already_there(error: UniqueViolation) -> HttpResponse:
    """Of two requests that make the same thing at the same moment, both saw that it was not there yet."""
    set_rollback()
    logger.warning("a request came second: %s", error.diag.constraint_name)
    detail = "Another request was quicker: what this one was to make or rename is there already. Read it, then decide."
    return problem(HTTPStatus.CONFLICT, "already-there", detail)


def _suspicious(error: SuspiciousOperation) -> HttpResponse:
    if isinstance(error, RequestDataTooBig):
        return problem(PayloadTooLarge.status, PayloadTooLarge.code, "The body is too large.")
    return problem(HTTPStatus.BAD_REQUEST, "bad-request", "The request is malformed.")


def _from_drf(error: Exception, status: int) -> HttpResponse:
    if isinstance(error, Http404):
        return problem(status, "not-found", NOTHING_HERE)
    if isinstance(error, PermissionDenied):
        return problem(status, "permission-denied", "You do not have the permission that this needs.")
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.detail, ""))
        return problem(status, "invalid-input", _values_refused(len(errors)), errors=errors)
    if isinstance(error, exceptions.APIException):
        code = str(error.get_codes()) if isinstance(error.detail, str) else "refused"
        return problem(status, code.replace("_", "-"), str(error.detail))
    return problem(status, "refused", str(error))


def _values_refused(count: int) -> str:
    which = "One value" if count == 1 else f"{count} of the values"
    return f"{which} sent cannot be used; see errors."


def _field_errors(detail: Any, path: str) -> Iterator[dict[str, str]]:
    """Flatten DRF's nested detail to ``{path, code, message}``, ``path`` being a JSON Pointer."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            step = "" if key == "non_field_errors" else f"/{escape_token(key)}"
            yield from _field_errors(value, path + step)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _field_errors(value, f"{path}/{index}" if nested else path)
    else:
        yield {"path": path, "code": str(detail.code).replace("_", "-"), "message": str(detail)}


@csrf_exempt
def api_not_found(request: HttpRequest) -> HttpResponse:
    """What an address under /api that leads nowhere answers, to every method."""
    return problem(HTTPStatus.NOT_FOUND, "not-found", NOTHING_HERE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler400``: requests that are refused before a view sees them."""
    if _is_for_programs(request):
        return problem(HTTPStatus.BAD_REQUEST, "bad-request", "The request is malformed.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``. The error itself is in the log; where the database is away, the answer is 503."""
    if is_outage(sys.exception()):
        return _database_away(request)
    if _is_for_programs(request):
        detail = "Something went wrong on our side; it has been logged."
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail)
    return defaults.server_error(request)


def _database_away(request: HttpRequest) -> HttpResponse:
    if _is_for_programs(request):
        detail = "The database is away. Ask again in a moment; what a request wrote may have been kept."
        response: HttpResponse = problem(HTTPStatus.SERVICE_UNAVAILABLE, "database-away", detail)
    else:
        response = HttpResponse(render_to_string("503.html"), status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith(("/api/", "/v1/", "/metrics"))

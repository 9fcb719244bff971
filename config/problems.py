"""Errors that a person or a program can act on, and their one HTTP form: RFC 9457 problem details.

A service refuses by raising a ``DomainError`` subclass; views, the admin and commands show its message.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

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


class PayloadTooLarge(DomainError):
    code = "payload-too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def problem(status: int, code: str, detail: str, **extra: Any) -> JsonResponse:
    """A response with the body of RFC 9457, our ``code`` and, where given, ``errors``."""
    return JsonResponse(problem_body(status, code, detail, **extra), status=status, content_type=PROBLEM_TYPE)


def problem_body(status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """The body of RFC 9457 with our ``code``."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }

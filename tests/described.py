"""Holds what the API answers in any test to its description.

Requests that are made up from the description seldom reach what a state refuses, such as a 409; the tests do.
"""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

from config.openapi import description

# Whatever the operation, these say that something of ours is broken or away.
OURS = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)


def check(answer: Any) -> None:
    """Raises ``AssertionError`` for a status that the operation's description lacks."""
    request = answer.wsgi_request
    route = request.resolver_match.route if request.resolver_match else ""
    described = _statuses().get((request.method, re.sub(r"<(?:\w+:)?\w+>", "{}", f"/{route}")))
    if described is not None and answer.status_code not in OURS:
        assert str(answer.status_code) in described, (
            f"{request.method} {request.path}: undescribed {answer.status_code}"
        )


@cache
def _statuses() -> dict[tuple[str, str], frozenset[str]]:
    return {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path)): frozenset(operation["responses"])
        for path, item in description()["paths"].items()
        for method, operation in item.items()
    }

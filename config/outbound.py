"""Asking other servers over HTTP: no redirect is followed, and no answer is read without end."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from config.problems import InvalidInput

MOST_BYTES = 5_000_000


def checked_url(url: str) -> str:
    """The address. Raises ``InvalidInput`` where it is not http or https, or names no host."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidInput(f"{url!r} is no address: {error}.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput(f"{url!r} is no http or https address.")
    return url


def ask(url: str, headers: Mapping[str, str], *, timeout_s: float, body: bytes | None = None) -> tuple[int, bytes]:
    """The status and the beginning of the answer; with a ``body`` it is posted.

    Raises ``OSError`` without an answer.
    """
    request = Request(url, data=body, headers=dict(headers))  # noqa: S310 - checked_url has seen the address
    try:
        with build_opener(_NoRedirect).open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read(MOST_BYTES)
    except HTTPError as error:
        with error:
            return error.code, b""


def post_json(url: str, message: Mapping[str, Any], *, timeout_s: float) -> None:
    """Post to a webhook. Raises ``OSError`` where it can't be told, ``InvalidInput`` for an address that is none."""
    headers = {"Content-Type": "application/json"}
    status, _ = ask(checked_url(url), headers, timeout_s=timeout_s, body=json.dumps(message).encode())
    if status >= 300:
        raise OSError(f"it answered {status}")


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is an answer like any other: nothing is asked, and no key is sent, where it points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None

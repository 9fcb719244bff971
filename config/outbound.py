"""Asking other servers over HTTP: no redirect is followed, and no answer is read, or waited for, without end."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from config.problems import InvalidInput

MOST_BYTES = 5_000_000


class TimeLimit:
    """Shuts the sockets it watches once its seconds are over. A socket's own time limit starts anew with each byte."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(max(0.0, seconds), self._shut_all)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._timer.cancel()

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    def watch(self, wire: socket.socket) -> None:
        self._watched.append(wire)
        if self.is_over:
            _shut(wire)

    def _shut_all(self) -> None:
        for wire in self._watched:
            _shut(wire)


def checked_url(url: str) -> str:
    """The address. Raises ``InvalidInput`` where it is not http or https, or cannot be asked.

    Addresses of webhooks hold secrets, so that no more than the host is said of one.
    """
    try:
        parts = urlsplit(url)
        can_be_asked = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        shown = f"{parts.scheme}://{(parts.hostname or '').encode('idna').decode()}"
    except ValueError:
        can_be_asked, shown = False, "This"
    if not can_be_asked:
        raise InvalidInput(f"{shown} is no http or https address. Write it as https://example.com/path.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(f"The address at {shown} carries a name or password. Leave it out.")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(f"The address at {shown} has characters that none may have. Write them as %20 and the like.")
    return url


def ask(url: str, headers: Mapping[str, str], *, timeout_s: float, body: bytes | None = None) -> tuple[int, bytes]:
    """The status and the beginning of the answer; with a ``body`` it is posted. ``checked_url`` has seen the address.

    Raises ``OSError`` where there is no whole answer within ``timeout_s`` seconds, or none that is HTTP.
    """
    request = Request(url, data=body, headers=dict(headers))  # noqa: S310 - checked_url has seen the address
    with TimeLimit(timeout_s) as limit:
        try:
            return _opened(request, limit, timeout_s)
        except (OSError, HTTPException) as error:
            if limit.is_over:
                raise TimeoutError("timed out") from error
            if isinstance(error, OSError):
                raise
            raise OSError(f"what it says is no HTTP ({type(error).__name__})") from error


def post_json(url: str, message: Mapping[str, Any], *, timeout_s: float) -> None:
    """Post to a webhook. Raises ``OSError`` where it can't be told, ``InvalidInput`` for an address that is none."""
    headers = {"Content-Type": "application/json"}
    status, _ = ask(checked_url(url), headers, timeout_s=timeout_s, body=json.dumps(message).encode())
    if status >= 300:
        raise OSError(f"it answered {status}")


def _opened(request: Request, limit: TimeLimit, timeout_s: float) -> tuple[int, bytes]:
    try:
        with build_opener(_NoRedirect, _Limited(limit)).open(request, timeout=timeout_s) as answer:
            body = answer.read(MOST_BYTES)
    except HTTPError as error:
        with error:
            return error.code, b""
    if limit.is_over:
        raise TimeoutError
    return answer.status, body


class _Limited(HTTPHandler, HTTPSHandler):
    """Opens connections that end with the time limit."""

    def __init__(self, limit: TimeLimit) -> None:
        super().__init__()
        self._limit = limit

    def http_open(self, request: Request) -> Any:
        return self.do_open(self._watched(HTTPConnection), request)

    def https_open(self, request: Request) -> Any:
        return self.do_open(self._watched(HTTPSConnection), request)

    def _watched(self, kind: type[HTTPConnection]) -> Any:
        limit = self._limit

        class Watched(kind):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                limit.watch(self.sock)

        return Watched


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is an answer like any other: nothing is asked, and no key is sent, where it points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _shut(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):  # It may be over already.
        wire.shutdown(socket.SHUT_RDWR)

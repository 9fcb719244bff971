"""Asking a running irline for its critical pages and endpoints, as its users do: over HTTP, from outside.

An answer is right when its status, its shape and the time it took are. Shapes of legacy endpoints are the frozen ones,
in ``schemas/legacy_shapes.json``: the type of each field, where null is always allowed.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import URLError

from config.outbound import ask, checked_url, post_json

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "number": (int, float),
    "boolean": (bool,),
    "any": (object,),
}


@dataclass(frozen=True, slots=True)
class Check:
    """``fault_of`` says in words what is wrong with a body, or nothing. With ``needs_key`` it is asked with the key."""

    path: str
    fault_of: Callable[[bytes], str] = lambda body: ""
    statuses: tuple[int, ...] = (200,)
    needs_key: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """``fault`` is empty where all was well; ``status`` is None where there was no answer."""

    path: str
    status: int | None
    took_ms: float
    fault: str = ""


def checks() -> Iterator[Check]:
    """What is asked for, in this order."""
    yield Check("/healthz", _says({"status": "ok"}), needs_key=False)
    yield Check("/readyz", _says({"status": "ready"}), needs_key=False)
    yield Check("/admin/login/", _holds(b"csrfmiddlewaretoken"), needs_key=False)
    for name, shape in shapes().items():
        yield Check(f"/api/{name}?pageSize=5", _is_page_of(shape))
    yield Check("/api/pipelines?pageSize=5", _is_page_of({"id": "string", "key": "string"}))
    # Where the flag closes it, its absence is right.
    yield Check("/api/monitoring/test-runs?pageSize=5", statuses=(200, 404))


@cache
def shapes() -> dict[str, dict[str, str]]:
    """The frozen shapes, by the list's name."""
    text = (Path(__file__).parent / "schemas" / "legacy_shapes.json").read_text("utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


def run_checks(base_url: str, *, key: str, limit_ms: float, timeout_s: float) -> Iterator[Verdict]:
    """Make every check; one without an answer within ``timeout_s`` seconds fails. Those that need a key need ``key``.

    Raises ``InvalidInput`` for an address that is not http or https.
    """
    base = checked_url(base_url).rstrip("/")
    for check in checks():
        headers = {"Authorization": f"Bearer {key}"} if check.needs_key else {}
        yield _run(check, base, headers, limit_ms, timeout_s)


def tell(webhook: str, verdicts: Sequence[Verdict], *, base_url: str, timeout_s: float) -> None:
    """Post the failures to a webhook as JSON, with a ``text`` that chats show. Raises ``OSError`` where it can't."""
    failed = [each for each in verdicts if each.fault]
    lines = [f"{each.path}: {each.fault}" for each in failed]
    message = {
        "text": "\n".join([f"irline at {base_url}: {len(failed)} of {len(verdicts)} checks failed", *lines]),
        "failed": [{"path": each.path, "status": each.status, "fault": each.fault} for each in failed],
    }
    post_json(webhook, message, timeout_s=timeout_s)


def _run(check: Check, base: str, headers: dict[str, str], limit_ms: float, timeout_s: float) -> Verdict:
    began = time.monotonic()
    try:
        status, body = ask(base + check.path, headers, timeout_s=timeout_s)
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        return Verdict(check.path, None, _since(began), f"no answer: {reason}")
    took = _since(began)
    if status not in check.statuses:
        wanted = " or ".join(map(str, check.statuses))
        return Verdict(check.path, status, took, f"answered {status}, not {wanted}")
    fault = check.fault_of(body) if status == 200 else ""
    if not fault and took > limit_ms:
        fault = f"took {took:.0f} ms; the limit is {limit_ms:.0f} ms"
    return Verdict(check.path, status, took, fault)


def _since(began: float) -> float:
    return (time.monotonic() - began) * 1000


def _says(document: Any) -> Callable[[bytes], str]:
    return lambda body: "" if _parsed(body) == document else f"does not say {json.dumps(document)}"


def _holds(part: bytes) -> Callable[[bytes], str]:
    return lambda body: "" if part in body else f"does not hold {part.decode()!r}"


def _is_page_of(shape: Mapping[str, str]) -> Callable[[bytes], str]:
    def fault(body: bytes) -> str:
        page = _parsed(body)
        if not isinstance(page, dict) or not isinstance(page.get("results"), list) or "next" not in page:
            return "is no page: it lacks next or results"
        return next((found for row in page["results"] if (found := _row_fault(row, shape))), "")

    return fault


def _row_fault(row: Any, shape: Mapping[str, str]) -> str:
    if not isinstance(row, dict):
        return "a row is no object"
    for name, kind in shape.items():
        if name not in row:
            return f"a row lacks {name}"
        value = row[name]
        is_other = not isinstance(value, TYPES[kind]) or (kind == "number" and isinstance(value, bool))
        if value is not None and is_other:
            return f"{name} is no {kind}"
    return ""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

"""The key by which a repeated request is known: the header ``Idempotency-Key``, or a member of the body.

The header is that of draft-ietf-httpapi-idempotency-key-header, a quoted string; without its quotes it is taken too.
"""

import re

from rest_framework.request import Request

from config.problems import InvalidInput

MAX_KEY = 200
HEADER = "Idempotency-Key"
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
BARE = re.compile(r"[!-~]+")


def idempotency_key(request: Request, in_body: str | None = None) -> str | None:
    """The request's key, or None. Raises ``InvalidInput`` for one that is malformed, or two that differ."""
    sent = request.headers.get(HEADER)
    if sent is None:
        return in_body
    key = _unquoted(sent.strip())
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidInput(f'{HEADER} must be a quoted text of 1 to {MAX_KEY} characters, such as "2f9a-1".')
    if in_body not in (None, key):
        raise InvalidInput(f"The header {HEADER} and the body name two different keys. Send one of them.")
    return key


def _unquoted(sent: str) -> str:
    quoted = QUOTED.fullmatch(sent)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    return sent if BARE.fullmatch(sent) and '"' not in sent else ""

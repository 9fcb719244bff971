"""One byte form for equal JSON, and its hash."""

import hashlib
import json
from typing import Any


def canonical_json(data: Any) -> bytes:
    """UTF-8 with sorted keys and no spaces. Raises ``ValueError`` for NaN and infinities."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def content_hash(data: Any) -> str:
    """SHA-256 of the canonical form, as 64 hex digits."""
    return hashlib.sha256(canonical_json(data)).hexdigest()

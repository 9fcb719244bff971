"""Texts of strangers, as they can be kept and understood."""

import uuid


def storable(text: str) -> str:
    """Without what PostgreSQL and JSON can't carry: U+0000 and half surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def as_uuid(text: str) -> uuid.UUID | None:
    """The UUID that a text writes out; None where it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None

"""Texts of strangers, as they can be kept."""


def storable(text: str) -> str:
    """Without what PostgreSQL and JSON can't carry: U+0000 and half surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()

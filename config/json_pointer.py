"""The tokens of JSON Pointers (RFC 6901)."""


def escape_token(key: object) -> str:
    """One reference token: ``a/b`` is ``a~1b``, and ``~`` is ``~0``."""
    return str(key).replace("~", "~0").replace("/", "~1")


def unescape_token(token: str) -> str:
    """The key that a token stands for."""
    return token.replace("~1", "/").replace("~0", "~")

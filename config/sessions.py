"""Sessions in the database, asked for by keys that can be one."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import VALID_KEY_CHARS


class SessionStore(db.SessionStore):
    """Django's, which lets any cookie through to the database; one with a NUL in it would end there as an error."""

    def _validate_session_key(self, key: str | None) -> bool:
        usual = super()._validate_session_key(key)  # type: ignore[misc]
        return bool(usual) and set(key or "") <= set(VALID_KEY_CHARS)

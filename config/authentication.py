"""How programs sign in: an API key as a bearer token. People use their session."""

import json
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class ApiKeyAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Knox's keys, but the key, its user and what that user may do are read in one statement, ``sql/api_keys.sql``.

    A key that cannot be one is refused before it reaches the database, and one that has expired is deleted. A request
    is asked once whose it is, however many want to know.
    """

    def authenticate(self, request: HttpRequest | Request) -> tuple[Any, Any] | None:
        known = getattr(request, "_request", request).__dict__
        if "by_api_key" not in known:
            known["by_api_key"] = super().authenticate(request)
        return known["by_api_key"]  # type: ignore[no-any-return]

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed
        text = token.decode()
        digest = hash_token(text)
        for found in _read(text[: CONSTANTS.TOKEN_KEY_LENGTH]):
            key = _key(found)
            if key.expiry is not None and key.expiry < timezone.now():
                key.delete()
            elif compare_digest(digest, key.digest):
                return self.validate_user(key)  # type: ignore[no-any-return]
        raise AuthenticationFailed("Invalid token.")


def _read(beginning: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT config_api_keys(%s)::text", [beginning])
        return [json.loads(row) for (row,) in cursor.fetchall()]


def _key(found: Mapping[str, Any]) -> AuthToken:
    user = _row(User, found["user"])
    if not user.is_superuser:
        # Where Django's backend keeps what it would look up with two queries at the first question.
        user._perm_cache = set(found["permissions"])
    key = _row(AuthToken, found)
    key.user = user
    return key


def _row(model: Any, columns: Mapping[str, Any]) -> Any:
    """The row as the ORM would read it."""
    fields = model._meta.concrete_fields
    values = [field.to_python(columns[field.attname]) for field in fields]
    return model.from_db(connection.alias, [field.attname for field in fields], values)

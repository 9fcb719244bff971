"""How programs sign in: an API key as a bearer token. People use their session."""

from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class ApiKeyAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Knox's, but a key that cannot be one is refused before it reaches the decoder and the database."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed
        return super().authenticate_credentials(token)  # type: ignore[no-any-return]

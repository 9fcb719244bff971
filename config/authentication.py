"""How programs sign in: an API key as a bearer token. People use their session."""

from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed


class ApiKeyAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Knox's, but a key that cannot be one is refused before it reaches the decoder and the database."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed
        return super().authenticate_credentials(token)  # type: ignore[no-any-return]

    def _cleanup_token(self, auth_token: AuthToken) -> bool:
        """Whether the key has expired; then it is deleted. Knox itself reads all keys of the user at each request."""
        expired = auth_token.expiry is not None and auth_token.expiry < timezone.now()
        if expired:
            auth_token.delete()
        return bool(expired)

"""What the providers that are reached over HTTP share: how their errors are told, and clients that go nowhere else."""

import email.utils
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from config.ai_providers import ProviderSettings
from config.texts import storable
from pipelines.ai.providers.protocol import ProviderError

MAX_RETRY_AFTER = 3600.0
MAX_TOLD = 300
MAX_COUNT = 2_147_483_647


class OverHTTP:
    """A provider behind a client library, at the address of the settings.

    It goes nowhere else, so it follows no redirect. Retries are the caller's.
    """

    def __init__(self, settings: ProviderSettings, key: str, *, client: Any, transport: Any) -> None:
        """``client`` and ``transport`` are the library's classes."""
        self.name = settings.name
        self.priced_as = settings.priced_as
        self.default_model = settings.model
        self._key = key
        self._structured = settings.structured_outputs
        self._client = client(
            base_url=settings.base_url,
            api_key=key or "none",
            max_retries=0,
            http_client=transport(follow_redirects=False),
        )


@contextmanager
def told(sdk: Any, name: str, secret: str) -> Iterator[None]:
    """Turn what the client library ``sdk`` (``openai`` or ``anthropic``) raises into a ``ProviderError``."""
    try:
        yield
    except sdk.APITimeoutError as error:
        raise ProviderError("provider-timeout", f"{name} did not answer in time.", transient=True) from error
    except sdk.APIConnectionError as error:
        reason = _clean(str(error.__cause__ or error), secret)
        raise ProviderError("provider-unreachable", f"{name} can't be reached: {reason}", transient=True) from error
    except sdk.APIStatusError as error:
        raise _status_error(name, error, secret) from error
    except (sdk.APIError, ValueError, TypeError, AttributeError, LookupError) as error:
        # The libraries build their objects from whatever comes back, so a body of another shape fails anywhere.
        reason = _clean(str(error), secret) or type(error).__name__
        raise ProviderError("provider-malformed", f"{name} answered with something unreadable: {reason}") from error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that ``Retry-After`` asks for, as a number or as a date; None where it says nothing readable."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def count(value: Any) -> int | None:
    """A number of tokens, or None for what is none."""
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def _status_error(name: str, error: Any, secret: str) -> ProviderError:
    status = error.status_code
    reason = _clean(str(error.message), secret)
    if status == 429:
        wait = retry_after(error.response.headers)
        return ProviderError(
            "provider-rate-limited", f"{name} is asked too often: {reason}", transient=True, retry_after=wait
        )
    if status in (408, 409, 425) or status >= 500:
        wait = retry_after(error.response.headers)
        return ProviderError(
            "provider-unavailable", f"{name} answered {status}: {reason}", transient=True, retry_after=wait
        )
    if status in (401, 403):
        return ProviderError("provider-key-refused", f"{name} answered {status}. Check its key in the environment.")
    return ProviderError("provider-refused", f"{name} answered {status}: {reason}")


def _clean(text: str, secret: str) -> str:
    """The first line, without the key should a server have sent it back."""
    line = (storable(text).strip().splitlines() or [""])[0]
    return (line.replace(secret, "…") if secret else line)[:MAX_TOLD]

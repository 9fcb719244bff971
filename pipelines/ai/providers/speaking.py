"""What the providers that are reached over HTTP share: a call bounded in time and size, and how its failures are told.

An answer is read as plain JSON, not as the objects of the client libraries: servers that took over an API differ in
what they leave out, and an answer that was paid for must not be lost over its bookkeeping.
"""

import asyncio
import email.utils
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from config.ai_providers import ProviderSettings
from config.texts import storable
from pipelines.ai.providers.protocol import ProviderError
from pipelines.loops import LoopThread

MAX_BODY = 20_000_000
"""The most bytes of an answer, unpacked."""

MAX_RETRY_AFTER = 3600.0
MAX_TOLD = 300
MAX_MODEL = 200
MAX_COUNT = 2_147_483_647
UNPACKED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that are no longer true of a body that was read."""

_loop = LoopThread("asking")  # only on a loop can a call be ended whatever it waits for


class OverHTTP:
    """A provider behind a client library, at the address of the settings.

    It goes nowhere else, so it follows no redirect. Retries are the caller's.
    """

    def __init__(self, settings: ProviderSettings, key: str, *, sdk: Any, client: Any) -> None:
        """``client`` is the asynchronous one of the library ``sdk`` (``openai`` or ``anthropic``)."""
        self.name = settings.name
        self.priced_as = settings.priced_as
        self.default_model = settings.model
        self._key = key
        self._sdk = sdk
        self._settings = settings
        self._client = client(
            base_url=settings.base_url,
            api_key=key or "none",
            max_retries=0,
            http_client=_bounded(sdk.DefaultAsyncHttpxClient)(follow_redirects=False),
        )

    def _call(self, create: Callable[..., Awaitable[Any]], asked: Mapping[str, Any], seconds: float) -> Any:
        """The JSON that comes back, all of it within ``seconds``. Raises ``ProviderError``."""

        async def within() -> Any:
            async with asyncio.timeout(seconds):
                return await create(**asked, stream=False, timeout=seconds)

        with self._told():
            response = _loop.submit(within()).result()
            body = response.http_response.json()
        if at(body, "error") is not None:
            raise self._failed_inside(body)
        return body

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the client library raises into a ``ProviderError``."""
        sdk, name = self._sdk, self.name
        try:
            yield
        except (TimeoutError, sdk.APITimeoutError) as error:
            raise ProviderError("provider-timeout", f"{name} did not answer in time.", transient=True) from error
        except sdk.APIConnectionError as error:
            if isinstance(error.__cause__, ProviderError):
                raise error.__cause__ from None
            reason = self._clean(_deepest(error))
            raise ProviderError("provider-unreachable", f"{name} can't be reached: {reason}", transient=True) from error
        except sdk.APIStatusError as error:
            raise self._refused(error.status_code, error.response) from error
        except (sdk.APIError, ValueError, RecursionError) as error:
            raise self.unreadable(self._clean(str(error))) from error

    def unreadable(self, reason: str) -> ProviderError:
        """The error of an answer that is not what this API gives."""
        return ProviderError("provider-malformed", f"{self.name} answered with something unreadable: {reason}")

    def _refused(self, status: int, response: Any) -> ProviderError:
        try:
            said = reason_in(response.json())
        except (ValueError, RecursionError):
            said = ""
        return self._failure(status, said, retry_after(response.headers))

    def _failed_inside(self, body: Any) -> ProviderError:
        """The error of an answer that says 200 outside and what went wrong inside, as gateways give it."""
        status = at(body, "error", "code")
        known = status if type(status) is int and 400 <= status < 600 else 400
        return self._failure(known, reason_in(body), None)

    def _failure(self, status: int, said: str, wait: float | None) -> ProviderError:
        reason = self._clean(said) or f"{_phrase(status)}."
        told = f"{self.name} answered {status}: {reason}"
        if status == 429:
            return ProviderError("provider-rate-limited", told, transient=True, retry_after=wait)
        if status in (408, 409, 425) or status >= 500:
            return ProviderError("provider-unavailable", told, transient=True, retry_after=wait)
        if status == 401:  # what it says of a key may show a part of it
            told = f"{self.name} answered 401. Check its key in the environment."
            return ProviderError("provider-key-refused", told)
        if status == 403:
            return ProviderError("provider-key-refused", f"{told} Check what its key in the environment may do.")
        return ProviderError("provider-refused", told)

    def _clean(self, text: str) -> str:
        """The first line as a sentence, without the key should a server have sent it back."""
        line = (storable(text).strip().splitlines() or [""])[0]
        line = (line.replace(self._key, "…") if self._key else line)[:MAX_TOLD].strip()
        return line if not line or line[-1] in ".!?…" else f"{line}."


def at(document: Any, *path: str | int) -> Any:
    """What stands at that place of a JSON document; None where nothing does."""
    for step in path:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return None
    return document


def text_of(content: Any) -> str | None:
    """The text of a message: itself, its parts together, or empty where it has none. None for what is no content."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return None
    texts = [at(part, "text") for part in content if at(part, "type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def model_of(body: Any, asked: str) -> str:
    """The model that says it answered, or else the one that was asked."""
    named = at(body, "model")
    return storable(named)[:MAX_MODEL] if isinstance(named, str) and named else asked


def count(value: Any) -> int | None:
    """A number of tokens, or None for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def reason_in(body: Any) -> str:
    """What a body says went wrong, in whichever way it does; empty where it says nothing."""
    places = (("error", "message"), ("error",), ("message",), ("detail",), ("detail", 0, "msg"))
    return next((said for place in places if isinstance(said := at(body, *place), str)), "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait by ``retry-after-ms``, or by ``Retry-After`` as a number or a date; None where none says."""
    for name, parts in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / parts
        except ValueError:
            continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), MAX_RETRY_AFTER)
    try:
        seconds = email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _deepest(error: BaseException) -> str:
    """What the first of the errors behind this one that says anything says; each of them is wrapped in the next."""
    said, behind = str(error), error.__cause__ or error.__context__
    return (behind and _deepest(behind)) or said


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "it does not say why"


@lru_cache(maxsize=4)
def _bounded(kind: Any) -> Any:
    """The HTTP client ``kind``, which reads no more than ``MAX_BODY`` of an answer, however well that was packed."""

    class Bounded(kind):  # type: ignore[misc]
        async def send(self, request: Any, *, stream: bool = False, **arguments: Any) -> Any:
            response = await super().send(request, stream=True, **arguments)
            try:
                content = await _read(response)
            finally:
                await response.aclose()
            kept = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in UNPACKED]
            return type(response)(response.status_code, headers=kept, content=content, request=request)

    return Bounded


async def _read(response: Any) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BODY:
            raise ProviderError("provider-malformed", f"The answer is larger than {MAX_BODY:,} bytes.")
    return bytes(content)

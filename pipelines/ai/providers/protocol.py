"""What a provider is: something that answers one question within a time, and says what that took."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ir_schemas.exporting import StrictSubset


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """``schema`` is what the answer is to match, where the prompt has one. ``number`` counts from 1 within a step.

    ``script`` are the answers that the deterministic provider is to give, in order; the others ignore it.
    """

    model: str
    messages: Sequence[Message]
    schema: StrictSubset | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    number: int = 1
    script: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens as the provider counted them; what it did not say is None, never 0."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """``ended`` is ``done``, ``truncated`` where the most tokens were not enough, or ``refused``."""

    text: str
    model: str
    counts: Counts = field(default_factory=Counts)
    ended: Literal["done", "truncated", "refused"] = "done"


class ProviderError(Exception):
    """No answer came. ``transient`` says that asking again may help, in ``retry_after`` seconds at the soonest.

    ``code`` is a stable kebab-case string; the message holds nothing secret.
    """

    def __init__(self, code: str, message: str, *, transient: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.transient = transient
        self.retry_after = retry_after


class Provider(Protocol):
    """``name`` is the one the settings give it, ``priced_as`` the one its prices stand under."""

    name: str
    priced_as: str
    default_model: str

    def ask(self, question: Question, *, seconds: float) -> Answer:
        """The answer, within ``seconds``. Asks once; raises ``ProviderError``."""
        ...

"""What a step is: a function from a ``StepContext`` to a ``StepResult``.

A step gets its inputs and gives back an intermediate representation (IR) and its domain outputs. It knows
nothing of order, retries or tables; the engine validates, measures, stores and links what it returns.
"""

import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pipelines.designs.bundle import DesignBundle


class StepError(Exception):
    """A step's refusal of its input, worded for the person who started the run.

    ``code`` is a stable kebab-case string (``design-empty``); ``message`` names the place and the remedy. ``prompted``
    is what a model was asked before: it was paid for, so it is recorded all the same.
    """

    def __init__(self, code: str, message: str, *, prompted: "Prompted | None" = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.prompted = prompted


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file for Django's storage API; ``path`` is relative to the step's own output folder."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class SplitAssetOutput:
    """One part of a split design; becomes a ``SplitAsset``. ``key`` is the part's key in the IR."""

    key: str
    kind: str
    order: int
    meta: Mapping[str, Any]
    file: OutputFile | None = None


@dataclass(frozen=True, slots=True)
class ModuleTemplateOutput:
    """A module as the template library knows it; becomes a ``ModuleTemplate``."""

    key: str
    name: str
    description: str
    category: str
    html_content: str
    css_content: str = ""
    js_content: str = ""
    complexity: str = "simple"
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class GeneratedArtifactOutput:
    """A generated file set; becomes a ``GeneratedArtifact``. ``module_key`` names its ``ModuleTemplateOutput``."""

    key: str
    type: str
    content: str
    meta: Mapping[str, Any]
    files: Sequence[OutputFile] = ()
    module_key: str | None = None


@dataclass(frozen=True, slots=True)
class ValidationResultOutput:
    """The verdict of one validator; becomes a ``ValidationResult``.

    ``status`` is ``passed``, ``warning``, ``failed`` or ``not_applicable``. ``artifact_id`` is the id (a string) of
    the ``GeneratedArtifact`` that was looked at, as the engine handed it over in ``StepContext.sources``.
    """

    validator: str
    status: str
    message: str
    details: Mapping[str, Any]
    artifact_id: str | None = None


Output = SplitAssetOutput | ModuleTemplateOutput | GeneratedArtifactOutput | ValidationResultOutput


@dataclass(frozen=True, slots=True)
class Usage:
    """What a provider charged: token counts and US dollars (a decimal string). Unknown is None, never 0."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    total_cost_usd: str | None = None
    tokens_cached: int | None = None
    """Of ``tokens_in``, those that were read from a cache."""
    tokens_reasoning: int | None = None
    """Of ``tokens_out``, those that are not part of the answer."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One question to a model; becomes a ``PromptData`` and a ``PromptResult``.

    ``answer`` is the parsed answer, its text where that is no JSON, and None where none came; then ``error`` says why
    (``{code, message}``). ``settings`` are what else was asked for: temperature, the most tokens, and so on.
    """

    prompt: str
    answer: Any
    provider: str
    model: str
    latency_ms: float
    usage: Usage = field(default_factory=Usage)
    context: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Prompted:
    """The version of a prompt that a step used, and every question it asked with it, in order.

    ``validation_mode`` is the prompt's own, or empty. ``references`` name what was retrieved for it:
    ``{namespace, refType, refId, model, score}``. ``refused`` says that the model declined to answer.
    """

    prompt_id: uuid.UUID
    process_id: uuid.UUID
    version: int
    calls: Sequence[ModelCall] = ()
    validation_mode: str = ""
    references: Sequence[Mapping[str, Any]] = ()
    refused: bool = False


@dataclass(frozen=True, slots=True)
class StepResult:
    """``ir`` is what the step version's schema describes; ``usage`` is None for a step that called no provider.

    ``prompted`` is what a model was asked; the prompt's schema then goes before the step version's.
    """

    ir: dict[str, Any]
    outputs: Sequence[Output] = ()
    usage: Usage | None = None
    prompted: Prompted | None = None


class Reporter(Protocol):
    """How a step speaks while it runs."""

    def log(self, message: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def cancelled(self) -> bool: ...


class SilentReporter:
    """A reporter that keeps nothing: for tests and for calling a step by hand."""

    def log(self, message: str) -> None:
        return None

    def progress(self, done: int, total: int) -> None:
        return None

    def cancelled(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class StepContext:
    """Everything a step may know.

    ``params``: step version's ``default_config`` under the node's ``config`` and ``params`` and the run's own.
    ``inputs``: the run's inputs (JSON). ``upstream``: the accepted IR of each parent, by node key (a list for a
    parent that ran ``forEach``). ``item``: this run's item where the node says ``forEach``, else None.
    ``design``: the design the run works on, or None. ``sources``: for each upstream node key, the ids of the
    domain outputs behind its IRs, ``{"generate": [{"mapIndex": 0, "GeneratedArtifact": ["0190..."]}]}``.
    ``give_up_at`` is when nobody waits any longer, in seconds of this machine's monotonic clock; None for never.
    ``idempotency_key`` is the same for each attempt of this step: give it to whatever the step asks to do something, so
    that a step which is tried again doesn't have it done twice.
    ``validation_mode`` says what an invalid IR does here: ``off``, ``log`` or ``enforce``; ``prompt_modes``
    what it does instead for a prompt that has a rule of its own, by the prompt's id as text.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    upstream: Mapping[str, Any] = field(default_factory=dict)
    item: Any = None
    map_index: int | None = None
    design: DesignBundle | None = None
    sources: Mapping[str, Any] = field(default_factory=dict)
    give_up_at: float | None = None
    idempotency_key: str = ""
    validation_mode: str = "log"
    prompt_modes: Mapping[str, str] = field(default_factory=dict)
    reporter: Reporter = field(default_factory=SilentReporter)


StepFunction = Callable[[StepContext], StepResult]
AsyncStepFunction = Callable[[StepContext], Coroutine[Any, Any, StepResult]]
AnyStepFunction = StepFunction | AsyncStepFunction
_Function = TypeVar("_Function", bound=AnyStepFunction)


@dataclass(frozen=True, slots=True)
class Isolation:
    """How a step runs in a child process: with at most ``memory_mb`` of address space, and after it was told to stop
    with ``grace_ms`` to do so before it is killed."""

    memory_mb: int | None = None
    grace_ms: int = 2_000


def isolated(*, memory_mb: int | None = None, grace_ms: int = 2_000) -> Callable[[_Function], _Function]:
    """Have the step run in a child process, which is really stopped by ``timeoutMs`` and by cancelling the run."""

    def mark(function: _Function) -> _Function:
        function.isolation = Isolation(memory_mb, grace_ms)  # type: ignore[union-attr]
        return function

    return mark


def isolation_of(function: AnyStepFunction) -> Isolation | None:
    """How the step asks to be isolated; None where it runs in the engine's own process."""
    isolation: Isolation | None = getattr(function, "isolation", None)
    return isolation


def sees(look: Callable[[StepContext], Any]) -> Callable[[_Function], _Function]:
    """Say what a step reads beyond its context, as JSON: where that is another, ``cache`` takes no earlier result."""

    def mark(function: _Function) -> _Function:
        function.sees = look  # type: ignore[union-attr]
        return function

    return mark


def seen_by(function: AnyStepFunction, context: StepContext) -> Any:
    """What the step would read beyond its context now; None where it says nothing of it."""
    look = getattr(function, "sees", None)
    return None if look is None else look(context)

"""Rendering a prompt: Jinja in the sandbox that HubL has, so bounded in time, steps, output and the size of any value.

Unlike HubL, what is not there is an error: a prompt with a hole in it would be paid for and answered nonetheless.
"""

import copy
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, cast

import jinja2
from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, Undefined
from jinja2.runtime import Context

from config.texts import storable
from pipelines.hubspot.dialect import ChargingTransformer, HublEnvironment, HublTags
from pipelines.hubspot.filters import text_of
from pipelines.hubspot.limits import HublLimitError, budget, spending

MAX_TEMPLATE_CHARACTERS = 200_000
MAX_PROMPT_CHARACTERS = 1_000_000
TAKE_UNDEFINED = frozenset({"default", "d"})
MAX_NAMES_TOLD = 10
SOURCE = "<template>"
"""What Jinja calls a template that comes from no file."""

# What a template's own operations may raise; anything else is a defect of ours and stays visible.
_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    HublLimitError,
)


class TemplateFault(Exception):
    """A template that can't be read, or failed or overran its limits while it was rendered; the message says why."""


def render(source: str, values: Mapping[str, Any]) -> str:
    """The text of a template with ``values``, which it can't change.

    Raises ``TemplateFault`` for what is not there, and past the limits: 200,000 characters of template, 1,000,000 of
    prompt and of any value, 20,000 elements in any value, 100,000 steps, 2 seconds.
    """
    with spending():
        try:
            text = _compiled(source).render(copy.deepcopy(dict(values)))
        except TemplateFault:
            raise
        except _FAULTS as fault:
            raise TemplateFault(_describe(fault)) from fault
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise TemplateFault(f"the prompt has more than {MAX_PROMPT_CHARACTERS:,} characters")
    return storable(text)


def check(source: str) -> None:
    """Raises ``TemplateFault``, with the line, for a template that can't be read."""
    with spending():
        try:
            _compiled(source)
        except TemplateFault:
            raise
        except _FAULTS as fault:
            raise TemplateFault(_describe(fault)) from fault


@lru_cache(maxsize=64)
def _compiled(source: str) -> jinja2.Template:
    if len(source) > MAX_TEMPLATE_CHARACTERS:
        raise TemplateFault(f"the template has more than {MAX_TEMPLATE_CHARACTERS:,} characters")
    environment = _PromptEnvironment()
    tree = ChargingTransformer().visit(environment.parse(source))
    tree.set_environment(environment)
    return jinja2.Template.from_code(environment, environment.compile(tree), environment.make_globals(None))


class _Missing(StrictUndefined):
    """What is not there, and in what it was looked for."""

    @property
    def _undefined_message(self) -> str:
        name, held = self._undefined_name, self._undefined_obj
        if self._undefined_hint or not isinstance(held, dict):
            return super()._undefined_message
        names = [str(key) for key in held]
        told = ", ".join(names[:MAX_NAMES_TOLD]) + (", …" if len(names) > MAX_NAMES_TOLD else "")
        return f"there is no {name!r} in an object {f'that has {told}' if told else 'that has nothing'}"


class _PromptEnvironment(HublEnvironment):
    """Plain Jinja behind HubL's walls, strict about what is not there."""

    def __init__(self) -> None:
        super().__init__()
        tables = cast(Any, self)
        tables.undefined = _Missing
        tables.loader = BaseLoader()
        tables.finalize = lambda value: budget().emit(text_of(_there(value)))
        tables.extensions.pop(HublTags.identifier)
        tables.filters = {name: _strict(name, function) for name, function in self.filters.items()}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return super().call_binop(context, operator, _there(left), _there(right))


def _strict(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if name in TAKE_UNDEFINED:
        return function

    @wraps(function)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            _there(value)
        return function(*args, **kwargs)

    return filtered


def _there(value: Any) -> Any:
    """The value, where it and what it holds are there. An undefined raises as it is written, and says its name."""
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in (value, *held):
        if isinstance(one, Undefined):
            str(one)
    return value


def _describe(fault: BaseException) -> str:
    """What went wrong, and in which line where one is to blame."""
    if isinstance(fault, jinja2.TemplateSyntaxError):
        return f"line {fault.lineno}: {fault.message}"
    if isinstance(fault, RecursionError | MemoryError | SyntaxError):
        return "the template nests too deeply or calls itself without end"
    said = str(fault) or type(fault).__name__
    if isinstance(fault, TemplateNotFound):
        said = "there are no other templates to take in"
    # Jinja has these frames name the lines of the template.
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == SOURCE]
    return f"line {lines[-1]}: {said}" if lines else said

"""Parse and render a module's HubL.

>>> parse_hubl("<h1>{{ module.title }}</h1>").render({"title": "Hello"})
'<h1>Hello</h1>'
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2 import TemplateSyntaxError, nodes

from pipelines.hubspot.dialect import ChargingTransformer, HublEnvironment
from pipelines.hubspot.limits import HublLimitError, spending
from pipelines.hubspot.usage import FieldPath, used_fields

MAX_SOURCE_CHARACTERS = 1_000_000
# What a template's own operations may raise; anything else is a defect of ours and stays visible.
_TEMPLATE_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    HublLimitError,
)


class HublError(Exception):
    """HubL that cannot be used. ``message`` says why, ``line`` (from 1) where, as far as that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line


class HublSyntaxError(HublError):
    """The source is no HubL, or is larger or deeper than this dialect reads."""


class HublRenderError(HublError):
    """A template that parses failed or overran its limits while it was rendered."""


@dataclass(frozen=True, slots=True)
class HublTemplate:
    """A parsed module. ``field_paths`` are the fields it reads, as ``("cards", "title")`` for ``card.title`` in a loop
    over ``module.cards``; a path stands for everything below it."""

    source: str = field(repr=False)
    field_paths: frozenset[FieldPath]
    _compiled: jinja2.Template = field(repr=False)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the top-level fields that are read."""
        return frozenset(path[0] for path in self.field_paths)

    def reads(self, path: FieldPath) -> bool:
        """Whether the field at ``path``, something below it, or a group it belongs to as a whole is read."""
        return any(path[: len(used)] == used or used[: len(path)] == path for used in self.field_paths)

    def render(self, values: Mapping[str, Any], *, name: str = "module") -> str:
        """The module's HTML with ``values`` in its fields; ``name`` is the instance's name on its page.

        Raises ``HublRenderError`` when the template fails or overruns its limits (``limits``: 2 seconds, 100,000
        steps, 4 million characters).
        """
        context = {"module": copy.deepcopy(dict(values)), "name": name}
        with spending():
            try:
                return self._compiled.render(context)
            except _TEMPLATE_FAULTS as fault:
                raise HublRenderError(_describe(fault)) from fault


def parse_hubl(source: str) -> HublTemplate:
    """Read a module's ``module.html``.

    Raises ``HublSyntaxError``, with the line, for source that is no HubL (an unknown tag, filter or test included),
    or that is longer than 1,000,000 characters or 50,000 tokens, or nests too deeply.
    """
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise HublSyntaxError(f"the template is longer than {MAX_SOURCE_CHARACTERS:,} characters")
    environment = HublEnvironment()
    with spending():
        try:
            tree = environment.parse_hubl(source)
            paths = used_fields(tree)
            compiled = _compile(environment, tree)
        except TemplateSyntaxError as fault:
            raise HublSyntaxError(fault.message or "this is not HubL", fault.lineno) from None
        except (RecursionError, MemoryError, SyntaxError) as fault:
            raise HublSyntaxError("the template nests too deeply") from fault
        except ValueError as fault:
            raise HublSyntaxError(str(fault)) from fault
    return HublTemplate(source, paths, compiled)


def _compile(environment: HublEnvironment, tree: nodes.Template) -> jinja2.Template:
    charged = ChargingTransformer().visit(tree)
    charged.set_environment(environment)
    return jinja2.Template.from_code(environment, environment.compile(charged), environment.make_globals(None))


def _describe(fault: BaseException) -> str:
    if isinstance(fault, RecursionError):
        return "the template calls itself without end"
    return str(fault) or type(fault).__name__

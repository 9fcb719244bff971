"""What a generator of modules gets and gives. Any generator, with a model or without, fits this shape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipelines.designs.bundle import DesignBundle
from pipelines.hubspot.fields import Field
from pipelines.hubspot.tokens import TokenCount
from pipelines.steps.contract import Usage


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split design. ``html`` is None for a part of a picture; ``image`` is then the crop's path."""

    key: str
    kind: str
    label: str
    heading: str | None
    html: str | None
    image: str | None
    design: DesignBundle | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A module before it is named and described. ``rendered_html`` is ``html`` with the fields' defaults."""

    html: str
    css: str
    fields: Sequence[Field]
    source_html: str
    rendered_html: str
    tokens: TokenCount
    notes: Sequence[str] = ()
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Generator:
    """A provider of drafts. ``generate`` raises ``StepError`` for a part it refuses."""

    name: str
    version: str
    generate: Callable[[Part], Draft]

"""The tailwind category: which share of the markup's classes would Tailwind's engine make CSS of?"""

import re
from collections.abc import Sequence
from itertools import islice

from pipelines.steps.validate_artifact.findings import Engine, Rule, Verdict
from pipelines.steps.validate_artifact.markup import Element, Markup
from pipelines.steps.validate_artifact.tailwind.engine import design_system, is_tailwind_class

__all__ = ["check_tailwind"]

MAX_CLASSES = 5_000
MIN_TELLING = 2
MIN_TELLING_SHARE = 0.25

# The names with a dash that Bootstrap 5 defines too; they do not tell whose markup it is.
SHARED_WITH_BOOTSTRAP = re.compile(
    r"""
    [mp][tbsexy]?-(?:[0-5]|auto) | gap-[0-5] | [wh]-(?:25|50|75|100|auto) | (?:col|order)-(?:\d+|auto|first|last)
    | (?:top|bottom|start|end)-(?:0|50|100) | opacity-(?:0|25|50|75|100) | border-(?:[0-5]|white)
    | align-(?:baseline|bottom|middle|text-bottom|text-top|top) | float-(?:end|none|start) | caption-top
    | flex-(?:nowrap|row|row-reverse|wrap|wrap-reverse|grow-[01]|shrink-[01]) | overflow-(?:auto|hidden|scroll|visible)
    | shadow-(?:lg|none|sm) | bg-(?:black|transparent|white) | text-(?:black|center|end|nowrap|start|white|wrap)
    """,
    re.VERBOSE,
)
CLASS_SELECTOR = re.compile(r"\.((?:[\w-]|\\[^\n]|[^\x00-\x7f]){1,200})")
CSS_ESCAPE = re.compile(r"\\(.)")

UNKNOWN_CLASS = Rule(
    "unknown-class", "tailwind", "warning", "Replace classes that Tailwind does not know, or define them in module.css."
)


def check_tailwind(markup: Markup, *, css: str) -> Verdict:
    """Score the share of distinct classes that are Tailwind's; None where the markup does not use Tailwind.

    A class that the module's own CSS defines is no candidate, unless Tailwind knows it too.
    """
    first_uses = _first_uses(markup)
    candidates = list(first_uses)
    engine = Engine("tailwindcss design system", design_system().version)
    if not uses_tailwind(candidates):
        return Verdict("tailwind", None, (), Engine(engine.name, engine.version, "The markup does not use Tailwind."))
    own = {CSS_ESCAPE.sub(r"\1", match[1]) for match in CLASS_SELECTOR.finditer(css)}
    unknown = [name for name in candidates if not is_tailwind_class(name)]
    strangers = [name for name in unknown if name not in own]
    known = len(candidates) - len(unknown)
    findings = tuple(
        UNKNOWN_CLASS.at(first_uses[name].place, f'Tailwind {engine.version} makes no CSS of "{name[:100]}".')
        for name in strangers
    )
    return Verdict("tailwind", round(100.0 * known / (known + len(strangers)), 1), findings, engine)


def uses_tailwind(classes: Sequence[str]) -> bool:
    """True where at least two distinct classes, and a quarter of all, are Tailwind's and hardly anyone else's."""
    own = sum(1 for name in classes if _is_telling(name) and is_tailwind_class(name))
    return own >= MIN_TELLING and own >= MIN_TELLING_SHARE * len(classes)


def _is_telling(name: str) -> bool:
    return ("-" in name or ":" in name) and SHARED_WITH_BOOTSTRAP.fullmatch(name) is None


def _first_uses(markup: Markup) -> dict[str, Element]:
    """The first 5,000 distinct classes, each with the first element that carries it."""
    first_uses: dict[str, Element] = {}
    for element in markup.elements:
        for name in islice(element.attributes.get("class", "").split(), MAX_CLASSES):
            if len(first_uses) >= MAX_CLASSES:
                return first_uses
            first_uses.setdefault(name, element)
    return first_uses

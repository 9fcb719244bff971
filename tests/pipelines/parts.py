"""Parts of a split design, and the module that ``module_generate`` makes of one."""

from collections import Counter
from typing import Any

from metrics.text import word_tokens
from pipelines.designs.bundle import DesignBundle
from pipelines.hubspot.tokens import shown_text
from pipelines.steps.contract import StepContext, StepResult
from pipelines.steps.module_generate import module_generate


def part(html: str | None, **changes: Any) -> dict[str, Any]:
    """A part as the ``layout_split`` IR holds it, without its bounds."""
    return {"key": "features", "order": 1, "kind": "features", "label": "Features", "html": html, **changes}


def page(css: str = "", **changes: Any) -> DesignBundle:
    """A design of one page and one style sheet."""
    entry = b'<html><head><link rel="stylesheet" href="css/site.css?v=2"></head><body></body></html>'
    settings: dict[str, Any] = {"kind": "html", "name": "index.html", "entry": "index.html"}
    return DesignBundle(**{**settings, "files": {"index.html": entry, "css/site.css": css.encode()}, **changes})


def generate(html: str | None, *, design: DesignBundle | None = None, **changes: Any) -> StepResult:
    return module_generate(StepContext(item=part(html, **changes), design=design))


def module_of(html: str, *, design: DesignBundle | None = None, **changes: Any) -> dict[str, Any]:
    """The ``module`` object of the IR."""
    module: dict[str, Any] = generate(html, design=design, **changes).ir["module"]
    return module


def field_named(fields: list[dict[str, Any]], *path: str) -> dict[str, Any]:
    """The field at a path of names."""
    found = next(field for field in fields if field["name"] == path[0])
    return field_named(found["children"], *path[1:]) if path[1:] else found


def words(html: str) -> Counter[str]:
    return Counter(word_tokens(shown_text(html)))

"""The generator that needs no model: take the part apart, put it together again, and compare.

Rendered with its defaults, a module must show every word of its source. Where a repeater lost some, the part is built
again without it; where that is not enough, without any; and in the end as one formatted-text field.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from metrics.text import word_tokens
from pipelines.hubspot.fields import Field, default_values
from pipelines.hubspot.template import HublError, HublTemplate, parse_hubl
from pipelines.hubspot.tokens import count_tokens, shown_text
from pipelines.steps.contract import StepError
from pipelines.steps.module_generate.draft import Draft, Generator, Part
from pipelines.steps.module_generate.nodes import Node, count_slots
from pipelines.steps.module_generate.source import PartSource, read_part
from pipelines.steps.module_generate.styles import part_styles
from pipelines.steps.module_generate.unify import Unifier
from pipelines.steps.module_generate.write import collect_fields, write_template

MAX_FIELDS = 400
_MAX_UNDOS = 3
_FIRST_SEEN = frozenset({"header", "hero"})


@dataclass(frozen=True, slots=True)
class _Attempt:
    html: str
    fields: list[Field]
    template: HublTemplate
    rendered: str
    missing: Counter[str]
    whole: bool = False


def generate(part: Part) -> Draft:
    """A module for ``part``. Raises ``StepError`` (``part-too-large``, ``part-without-content``)."""
    markup = part.html
    if markup is None:
        markup = f'<img src="{escape(part.image or "")}" alt="{escape(part.label)}">'
    base_url = part.design.base_url if part.design else None
    source = read_part(markup, base_url=base_url)
    source_html = source.markup() if base_url else source.text
    scope = f"{part.key.replace('_', '-')}-module"
    styles = part_styles(source.root, source.css, part.design, scope=scope)
    _improve(source, scope, lazy_images=part.kind not in _FIRST_SEEN)
    attempt = _best_attempt(part.kind, source)
    notes = [*source.notes, *styles.notes]
    if attempt.missing:
        notes.append(f"{attempt.missing.total()} words of the source are missing from the module.")
    if attempt.whole:
        notes.append("The part is too large or too deep to be taken apart: it is one formatted-text field.")
    return Draft(
        html=attempt.html,
        css=styles.css,
        fields=attempt.fields,
        source_html=source_html,
        rendered_html=attempt.rendered,
        tokens=count_tokens(attempt.template, attempt.fields),
        notes=notes,
    )


def _improve(source: PartSource, scope: str, *, lazy_images: bool) -> None:
    """What a module needs beyond its design: a class for its styles, and images that wait until they are near."""
    for element in source.root:
        element.set("class", f"{element.get('class', '')} {scope}".strip())
    for image in source.root.iter("img") if lazy_images else ():
        image.set("loading", image.get("loading", "lazy"))


DETERMINISTIC = Generator("deterministic", "1", generate)


def _best_attempt(kind: str, source: PartSource) -> _Attempt:
    """The first attempt that loses no word, or else the one that loses fewest."""
    words = Counter(word_tokens(shown_text(source.markup())))
    best: _Attempt | None = None
    for attempt in _attempts(kind, source, words):
        if best is None or attempt.missing.total() < best.missing.total():
            best = attempt
        if not best.missing:
            return best
    if best is None:
        raise StepError("part-too-large", "The part has more content than one module holds; split it into more parts.")
    return best


def _attempts(kind: str, source: PartSource, words: Counter[str]) -> Iterator[_Attempt]:
    banned: set[str] = set()
    attempt: _Attempt | None = None
    for _ in range(_MAX_UNDOS if source.simple else 0):
        unifier = Unifier(source.copy(), kind=kind, banned=banned)
        attempt = _attempt(unifier.tree(), words)
        if attempt is None:
            break
        yield attempt
        banned |= {path for path, own in unifier.words.items() if own & attempt.missing}
    if attempt:
        plainer = _attempt(Unifier(source.copy(), kind=kind, repeaters=False).tree(), words)
        if plainer:
            yield plainer
    whole = _attempt(Unifier(source.copy(), kind=kind).plain_tree(), words)
    if whole:
        yield replace(whole, whole=True)


def _attempt(nodes: Sequence[Node], words: Counter[str]) -> _Attempt | None:
    """The tree as a module, and the words that it lost; None for one past the limits of a module."""
    if count_slots(nodes) > MAX_FIELDS:
        return None
    template_html = write_template(nodes)
    fields = collect_fields(nodes)
    try:
        template = parse_hubl(template_html)
        rendered = template.render(default_values(fields))
    except HublError:
        return None
    missing = words - Counter(word_tokens(shown_text(rendered)))
    return _Attempt(template_html, fields, template, rendered, missing)

"""JSON as people read it: indented, coloured, cut where it is long. Pure."""

import json
from functools import cache
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.data import JsonLexer

OPEN_LINES = 40
SHOWN_CHARACTERS = 100_000


def pretty_json(data: Any) -> str:
    """``data`` as indented text, its keys in the order they stand in."""
    return json.dumps(data, indent=2, ensure_ascii=False)


def json_html(data: Any, *, full_url: str = "") -> SafeString:
    """``data`` as a coloured block, escaped.

    More than ``OPEN_LINES`` lines are folded away; of more than ``SHOWN_CHARACTERS`` characters only the first are
    shown, with a link to ``full_url`` where one is given.
    """
    if data in (None, "", {}, []):
        return format_html('<span class="json-empty">{}</span>', json.dumps(data))
    text = pretty_json(data)
    shown = text[:SHOWN_CHARACTERS]
    block = format_html('<pre class="json" tabindex="0">{}</pre>', coloured(shown))
    lines = text.count("\n") + 1
    if lines > OPEN_LINES:
        summary = f"{lines:,} lines, {len(text):,} characters"
        block = format_html('<details class="json-fold"><summary>{}</summary>{}</details>', summary, block)
    if len(text) > len(shown):
        block += _cut_note(len(text), full_url)
    return block


def code_html(text: str) -> SafeString:
    """``text`` as it stands, escaped; only its first ``SHOWN_CHARACTERS`` characters."""
    if not text:
        return SafeString("")
    block = format_html('<pre class="json" tabindex="0">{}</pre>', text[:SHOWN_CHARACTERS])
    return block + _cut_note(len(text), "") if len(text) > SHOWN_CHARACTERS else block


def _cut_note(length: int, full_url: str) -> SafeString:
    note = format_html(
        '<p class="json-note">Only the first {} of {} characters are shown.', f"{SHOWN_CHARACTERS:,}", f"{length:,}"
    )
    link = format_html(' <a href="{}">Download the whole document</a>', full_url) if full_url else SafeString("")
    return note + link + SafeString("</p>")


def coloured(text: str) -> SafeString:
    """JSON text as HTML, escaped, with as many lines."""
    html: str = highlight(text, JsonLexer(), _formatter())
    return mark_safe(html)  # noqa: S308 - Pygments' HtmlFormatter escapes what it is given


@cache
def _formatter() -> Any:
    return HtmlFormatter(nowrap=True)

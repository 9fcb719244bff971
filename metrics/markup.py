"""What a visitor sees of an HTML fragment: its words, images, links and headings."""

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from metrics.text import word_tokens

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_NEVER_SHOWN = frozenset(
    {"audio", "canvas", "datalist", "head", "iframe", "noscript", "object", "script", "style", "template", "title"}
    | {"desc", "metadata"}  # of an SVG picture
)
# Only these leave a word whole when they begin or end inside it.
_WITHIN_WORDS = frozenset(
    {"abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s"}
    | {"samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr"}
)
_LONGEST_ACTION = 300
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_STYLE_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VisibleContent:
    """``images`` and ``links`` are URLs as written; a heading is its tag and words; a form its action."""

    tokens: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    headings: list[tuple[str, str]] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)


def visible_content(html: str) -> VisibleContent:
    """What ``html`` (a page or a fragment) shows, with forms left out and only listed.

    Scripts, styles, comments, and elements hidden by the ``hidden`` attribute or an inline style don't count; style
    sheets are not applied. Any input gives an answer, in time linear in its length and without recursion.
    """
    if not html.strip():
        return VisibleContent()
    # huge_tree lifts libxml2's depth limit; no tree is built, so depth costs nothing here.
    target: Any = _Collector()
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True)
    content: VisibleContent = etree.fromstring(html.encode("utf-8", "replace"), parser)  # type: ignore[assignment]
    return content


class _Collector:
    """An lxml parser target: gets the document as a stream of events, returns a ``VisibleContent``."""

    def __init__(self) -> None:
        self._content = VisibleContent()
        self._text: list[str] = []
        self._heading: list[str] | None = None
        self._depth = 0
        self._hidden_from: int | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._hidden_from is not None:
            return
        if tag == "form":
            self._content.forms.append(attributes.get("action", "").strip()[:_LONGEST_ACTION])
        if tag == "form" or _is_hidden(tag, attributes):
            self._hidden_from = self._depth
            self._break_word("div")
            return
        self._break_word(tag)
        self._collect_urls(tag, attributes)
        if tag in _HEADINGS:
            self._heading = []

    def end(self, tag: str) -> None:
        if self._hidden_from is not None:
            if self._depth == self._hidden_from:
                self._hidden_from = None
        else:
            self._break_word(tag)
            if tag in _HEADINGS:
                self._close_heading(tag)
        self._depth -= 1

    def data(self, text: str) -> None:
        if self._hidden_from is not None:
            return
        self._text.append(text)
        if self._heading is not None:
            self._heading.append(text)

    def close(self) -> VisibleContent:
        self._content.tokens.extend(word_tokens("".join(self._text)))
        return self._content

    def _break_word(self, tag: str) -> None:
        if tag in _WITHIN_WORDS:
            return
        self._text.append(" ")
        if self._heading is not None:
            self._heading.append(" ")

    def _collect_urls(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("a", "area") and (href := attributes.get("href", "").strip()):
            self._content.links.append(href)
        source = attributes.get("src") if tag == "img" else attributes.get("poster") if tag == "video" else None
        if source and source.strip():
            self._content.images.append(source.strip())
        if style := attributes.get("style"):
            self._content.images.extend(url.strip() for url in _STYLE_URL.findall(style))

    def _close_heading(self, tag: str) -> None:
        if words := word_tokens("".join(self._heading or ())):
            self._content.headings.append((tag, " ".join(words)))
        self._heading = None


def _is_hidden(tag: str, attributes: dict[str, str]) -> bool:
    if tag in _NEVER_SHOWN or "hidden" in attributes:
        return True
    return bool(_HIDING_STYLE.search(attributes.get("style", "")))

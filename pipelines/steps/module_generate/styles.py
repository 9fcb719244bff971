"""The rules of a design's style sheets that concern a part: what its module's ``module.css`` holds.

A rule is kept when every class, id and tag that one of its selectors asks for is found in the part; where in the part
is not looked at, so a few rules too many come along, and none too few. Of the rules for the page itself (``body``) the
module takes how text is written, and the custom properties that the kept rules use; the rest is the theme's. Animations
and fonts that are used come too, and media queries stay around their rules.

Several modules stand on one page, each with its sheet. Were their rules not kept apart, one module's ``.row > *`` would
come after another's ``.col-4`` and undo it. So each rule applies within its module only, by ``:where()``, which changes
no rule's weight.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urljoin, urlsplit

import tinycss2
from lxml import etree, html
from tinycss2.ast import AtRule, HashToken, IdentToken, LiteralToken, Node, QualifiedRule

from pipelines.designs.bundle import DesignBundle

MAX_CSS_CHARACTERS = 100_000
MAX_SHEET_CHARACTERS = 1_000_000
_MAX_NESTING = 5
_MAX_BRACKETS = 50
_BRACKET = re.compile(r"[{}()\[\]]")
_GROUPING = frozenset({"container", "layer", "media", "supports"})
_ROOTS = frozenset({":root", "html", "body", "*"})
_TEXT_ROOTS = (frozenset({"html"}), frozenset({"body"}))
_INHERITED = frozenset(
    {"color", "font", "font-family", "font-size", "font-weight", "letter-spacing", "line-height", "text-align"}
)
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)")
_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)", re.IGNORECASE)
_NAMES = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class _Selector:
    """One selector, in two halves: up to and with the tag name of its subject, if it has one, and after that.

    ``names`` are what an element tree must hold for it to match: ``.class``, ``#id``, ``tag``.
    """

    head: str
    rest: str
    names: frozenset[str]

    @property
    def text(self) -> str:
        return self.head + self.rest

    def scoped(self, scope: str) -> str:
        """The selector for elements within the class ``scope`` alone, as heavy as before."""
        return f"{self.head}:where(.{scope}, .{scope} *){self.rest}"


@dataclass(frozen=True, slots=True)
class _Rule:
    selectors: tuple[_Selector, ...]
    body: str


@dataclass(frozen=True, slots=True)
class _Group:
    """``@media`` and its like, with the rules inside."""

    prelude: str
    rules: tuple["_Statement", ...]


@dataclass(frozen=True, slots=True)
class _Named:
    """``@keyframes`` or ``@font-face``: kept where ``name`` is used."""

    name: str
    text: str


_Statement = _Rule | _Group | _Named


@dataclass(frozen=True, slots=True)
class PartStyles:
    css: str
    notes: tuple[str, ...] = ()


def part_styles(root: html.HtmlElement, own_css: str, design: DesignBundle | None, *, scope: str) -> PartStyles:
    """The CSS for the elements below ``root``: from the design's sheets in the page's order, or else the part's own.

    ``scope`` is a class that the module's outermost elements carry. At most 100,000 characters; what did not fit, a
    sheet that is not in the bundle, and files that the rules refer to by a relative URL are named in ``notes``.
    """
    found, notes = _page_sheets(design) if design and design.kind == "html" else ([own_css], [])
    sheets = _readable(found, notes)
    names = _names_in(root)
    statements = [statement for sheet in sheets for statement in _parsed(sheet)]
    kept = list(_matching(statements, names))
    written = [_write(statement, scope) for statement in kept]
    text = _page_text(sheets, scope)
    css = "\n".join([text, *written])
    used = set(_NAMES.findall(css))
    extras = [rule for rule in _named(statements) if rule.name in used]
    variables = _custom_properties(sheets, css)
    pieces = [variables, *(rule.text for rule in extras), text, *written]
    return _bounded([piece for piece in pieces if piece], notes)


def _bounded(pieces: Sequence[str], notes: list[str]) -> PartStyles:
    kept: list[str] = []
    length = 0
    for piece in pieces:
        if length + len(piece) > MAX_CSS_CHARACTERS:
            notes.append(f"module.css holds the first {len(kept)} of {len(pieces)} rules; the rest passes its size.")
            break
        kept.append(piece)
        length += len(piece) + 1
    css = "\n".join(kept)
    relative = {url for url in _URL.findall(css) if not re.match(r"[a-z][a-z0-9+.-]*:|//|/|#", url, re.IGNORECASE)}
    if relative:
        shown = ", ".join(sorted(relative)[:5])
        notes.append(f"module.css refers to {len(relative)} files of the design by relative URL: {shown}"[:500])
    return PartStyles(css + "\n" if css else "", tuple(notes))


def _page_sheets(design: DesignBundle) -> tuple[list[str], list[str]]:
    """The texts of the page's style sheets in order, and notes on those that are missing."""
    sheets: list[str] = []
    notes: list[str] = []
    for kind, value in _sheet_places(design.content):
        data = design.files.get(_bundle_path(design.entry, value)) if kind == "link" else value.encode()
        if data is None:
            notes.append(f"The style sheet {value[:200]} is not in the design's files; its rules are missing.")
        else:
            sheets.append(data.decode("utf-8", "replace"))
    return sheets, notes


def _readable(sheets: Sequence[str], notes: list[str]) -> list[str]:
    """The sheets up to 1,000,000 characters in all, without those that nest too deeply; notes on the others."""
    kept: list[str] = []
    length = 0
    for sheet in sheets:
        length += len(sheet)
        if length > MAX_SHEET_CHARACTERS or _depth(sheet) > _MAX_BRACKETS:
            notes.append("A style sheet was passed over, as the styles are too large or nest too deeply.")
            length -= len(sheet)
        else:
            kept.append(sheet)
    return kept


@lru_cache(maxsize=32)
def _depth(sheet: str) -> int:
    deepest = depth = 0
    for bracket in _BRACKET.findall(sheet):
        depth += 1 if bracket in "{([" else -1
        deepest = max(deepest, depth)
    return deepest


@lru_cache(maxsize=4)
def _sheet_places(page: bytes) -> tuple[tuple[str, str], ...]:
    """``("link", href)`` or ``("style", text)`` for each style sheet of the page's head and body."""
    if not page.strip():
        return ()
    root = etree.fromstring(page, html.HTMLParser(huge_tree=True))
    if root is None:
        return ()
    places: list[tuple[str, str]] = []
    for element in root.iter("link", "style"):
        if element.tag == "style":
            places.append(("style", element.text or ""))
        elif "stylesheet" in element.get("rel", "").lower().split() and element.get("href"):
            places.append(("link", element.get("href", "")))
    return tuple(places)


def _bundle_path(entry: str, href: str) -> str:
    try:
        path = unquote(urlsplit(urljoin(entry, href)).path)
    except ValueError:
        return ""
    return posixpath.normpath(path).lstrip("/")


def _names_in(root: html.HtmlElement) -> frozenset[str]:
    names: set[str] = set()
    for element in root.iterdescendants(etree.Element):
        names.add(str(element.tag).lower())
        names.update(f".{name}" for name in element.get("class", "").split())
        if element.get("id"):
            names.add(f"#{element.get('id')}")
    return frozenset(names)


@lru_cache(maxsize=32)
def _parsed(sheet: str) -> tuple[_Statement, ...]:
    nodes = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    return tuple(_statements(nodes, 0))


def _statements(nodes: Sequence[Node], nesting: int) -> Iterator[_Statement]:
    for node in nodes:
        if isinstance(node, QualifiedRule):
            selectors = tuple(_selectors(node.prelude))
            if selectors:
                yield _Rule(selectors, _declarations(tinycss2.serialize(node.content)))
        elif isinstance(node, AtRule) and node.content is not None:
            yield from _at_rule(node, nesting)


def _at_rule(node: AtRule, nesting: int) -> Iterator[_Statement]:
    keyword = node.lower_at_keyword
    prelude = tinycss2.serialize(node.prelude).strip()
    if keyword in _GROUPING and nesting < _MAX_NESTING:
        inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
        yield _Group(f"@{keyword} {prelude}".strip(), tuple(_statements(inner, nesting + 1)))
    elif keyword.endswith("keyframes"):
        yield _Named(prelude, f"@{node.at_keyword} {prelude} {{{tinycss2.serialize(node.content)}}}")
    elif keyword == "font-face":
        body = tinycss2.serialize(node.content)
        family = re.search(r"font-family\s*:\s*['\"]?([\w-]+)", body)
        if family:
            yield _Named(family[1], f"@font-face {{{body}}}")


def _declarations(body: str) -> str:
    return " ".join(body.split())


def _selectors(prelude: Sequence[Node]) -> Iterator[_Selector]:
    current: list[Node] = []
    for token in (*prelude, None):
        if token is not None and not (isinstance(token, LiteralToken) and token.value == ","):
            current.append(token)
            continue
        tokens = _trimmed(current)
        if tokens:
            split = _subject_start(tokens)
            names = frozenset(_asked_names(tokens))
            yield _Selector(tinycss2.serialize(tokens[:split]), tinycss2.serialize(tokens[split:]), names)
        current = []


def _trimmed(tokens: Sequence[Node]) -> Sequence[Node]:
    solid = [index for index, token in enumerate(tokens) if token.type not in ("whitespace", "comment")]
    return tokens[solid[0] : solid[-1] + 1] if solid else []


def _subject_start(tokens: Sequence[Node]) -> int:
    """The index after the last combinator and the tag name that may follow it."""
    combinators = [
        index for index, token in enumerate(tokens) if token.type == "whitespace" or token in (">", "+", "~")
    ]
    start = combinators[-1] + 1 if combinators else 0
    return start + (start < len(tokens) and (tokens[start].type == "ident" or tokens[start] == "*"))


def _asked_names(tokens: Sequence[Node]) -> Iterator[str]:
    """The classes, ids and tags a selector asks for, pseudo-classes and attributes left aside."""
    previous = ""
    for token in tokens:
        if isinstance(token, IdentToken):
            if previous == ".":
                yield f".{token.value}"
            elif previous != ":":
                yield token.lower_value
        elif isinstance(token, HashToken):
            yield f"#{token.value}"
        previous = token.value if isinstance(token, LiteralToken) else ""


def _matching(statements: Sequence[_Statement], names: frozenset[str]) -> Iterator[_Rule | _Group]:
    for statement in statements:
        if isinstance(statement, _Rule):
            found = tuple(
                selector
                for selector in statement.selectors
                if selector.names <= names and not selector.text.startswith(":root")
            )
            if found:
                yield _Rule(found, statement.body)
        elif isinstance(statement, _Group):
            inner = tuple(_matching(statement.rules, names))
            if inner:
                yield _Group(statement.prelude, inner)


def _named(statements: Sequence[_Statement]) -> Iterator[_Named]:
    for statement in statements:
        if isinstance(statement, _Named):
            yield statement
        elif isinstance(statement, _Group):
            yield from _named(statement.rules)


def _page_text(sheets: Sequence[str], scope: str) -> str:
    """How the page's body is written (font, line height, colour), for the module's outermost elements."""
    declared = [pair for root in _TEXT_ROOTS for sheet in sheets for pair in _declared_for(sheet, root)]
    inherited = {name: value for name, value in declared if name in _INHERITED}
    body = " ".join(f"{name}: {value};" for name, value in inherited.items())
    return f":where(.{scope}) {{ {body} }}" if body else ""


def _custom_properties(sheets: Sequence[str], css: str) -> str:
    """A ``:root`` rule with the custom properties that ``css`` uses, and those that they use."""
    defined = {name: value for sheet in sheets for name, value in _declared_for(sheet, _ROOTS) if name[:2] == "--"}
    wanted: set[str] = set()
    pending = _VARIABLE.findall(css)
    while pending:
        name = pending.pop()
        if name in defined and name not in wanted:
            wanted.add(name)
            pending += _VARIABLE.findall(defined[name])
    lines = "\n".join(f"  {name}: {defined[name]};" for name in sorted(wanted))
    return f":root {{\n{lines}\n}}" if lines else ""


@lru_cache(maxsize=64)
def _declared_for(sheet: str, selectors: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The properties a sheet sets, outside of media queries, for one of ``selectors``, with their values."""
    declarations: list[tuple[str, str]] = []
    for statement in _parsed(sheet):
        if isinstance(statement, _Rule) and any(selector.text in selectors for selector in statement.selectors):
            for declaration in tinycss2.parse_blocks_contents(statement.body, skip_comments=True, skip_whitespace=True):
                if declaration.type == "declaration":
                    declarations.append((declaration.name, tinycss2.serialize(declaration.value).strip()))
    return tuple(declarations)


def _write(statement: _Statement, scope: str) -> str:
    if isinstance(statement, _Rule):
        return f"{', '.join(selector.scoped(scope) for selector in statement.selectors)} {{ {statement.body} }}"
    if isinstance(statement, _Named):
        return statement.text
    inner = "\n".join(_write(rule, scope) for rule in statement.rules)
    return f"{statement.prelude} {{\n{inner}\n}}"

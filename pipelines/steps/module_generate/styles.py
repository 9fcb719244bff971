"""The rules of a design's style sheets that concern a part: what its module's ``module.css`` holds.

A rule is kept when every class, id and tag that one of its selectors asks for is found in the part; where in the part
is not looked at, so a few rules too many come along, and none too few. Rules for the page as a whole (``*``, ``body``)
are the theme's and stay behind, but for the custom properties that the kept rules use; one for mere tags (``ul``) is
kept from the rest of the page by the module's own class, without a change of its weight. Animations and fonts that
are used come too, and media queries stay around their rules.
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
MAX_SHEET_CHARACTERS = 1_500_000
MAX_SHEETS = 20
_MAX_NESTING = 5
_GROUPING = frozenset({"container", "layer", "media", "supports"})
_ROOTS = frozenset({":root", "html", "body", "*"})
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)")
_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)", re.IGNORECASE)
_NAMES = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class _Selector:
    """One selector: its first tag name or nothing, the text after that, and the names that an element tree must hold
    for it to match (``.class``, ``#id``, ``tag``)."""

    head: str
    rest: str
    names: frozenset[str]

    @property
    def text(self) -> str:
        return self.head + self.rest

    def scoped(self, scope: str) -> str:
        """The selector; one that names only tags applies only within the class ``scope``."""
        if any(name[0] in ".#" for name in self.names) or not self.head:
            return self.text
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
    sheets, notes = _page_sheets(design) if design and design.kind == "html" else ((own_css,), ())
    names = _names_in(root)
    statements = [statement for sheet in sheets for statement in _parsed(sheet)]
    kept = list(_matching(statements, names))
    written = [_write(statement, scope) for statement in kept]
    css = "\n".join(written)
    used = set(_NAMES.findall(css))
    extras = [rule for rule in _named(statements) if rule.name in used]
    variables = _custom_properties(sheets, css)
    pieces = [variables, *(rule.text for rule in extras), *written]
    return _bounded([piece for piece in pieces if piece], [*notes])


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


def _page_sheets(design: DesignBundle) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts of the page's style sheets in order, and notes on those that are missing or too large."""
    sheets: list[str] = []
    notes: list[str] = []
    for kind, value in _sheet_places(design.content):
        text = value
        if kind == "link":
            data = design.files.get(_bundle_path(design.entry, value))
            if data is None:
                notes.append(f"The style sheet {value[:200]} is not in the design's files; its rules are missing.")
                continue
            text = data.decode("utf-8", "replace")
        if len(text) > MAX_SHEET_CHARACTERS or len(sheets) >= MAX_SHEETS:
            notes.append("A style sheet was passed over: too large, or one too many.")
            continue
        sheets.append(text)
    return tuple(sheets), tuple(notes)


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
        tokens = [*_trimmed(current)]
        if tokens:
            head = tokens[0].value if isinstance(tokens[0], IdentToken) else ""
            rest = tinycss2.serialize(tokens[1:] if head else tokens)
            yield _Selector(head, rest, frozenset(_asked_names(tokens)))
        current = []


def _trimmed(tokens: Sequence[Node]) -> Sequence[Node]:
    solid = [index for index, token in enumerate(tokens) if token.type not in ("whitespace", "comment")]
    return tokens[solid[0] : solid[-1] + 1] if solid else []


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
            found = tuple(selector for selector in statement.selectors if selector.names and selector.names <= names)
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


def _custom_properties(sheets: Sequence[str], css: str) -> str:
    """A ``:root`` rule with the custom properties that ``css`` uses, and those that they use."""
    defined: dict[str, str] = {}
    for sheet in sheets:
        defined.update(_root_properties(sheet))
    wanted = [name for name in dict.fromkeys(_VARIABLE.findall(css)) if name in defined]
    for name in wanted:
        wanted += [other for other in _VARIABLE.findall(defined[name]) if other in defined and other not in wanted]
    lines = "\n".join(f"  {name}: {defined[name]};" for name in sorted(set(wanted)))
    return f":root {{\n{lines}\n}}" if lines else ""


@lru_cache(maxsize=32)
def _root_properties(sheet: str) -> tuple[tuple[str, str], ...]:
    """The custom properties a sheet sets for the whole page, with their values."""
    properties: list[tuple[str, str]] = []
    for statement in _parsed(sheet):
        if isinstance(statement, _Rule) and any(_is_root(selector.text) for selector in statement.selectors):
            for declaration in tinycss2.parse_blocks_contents(statement.body, skip_comments=True, skip_whitespace=True):
                if declaration.type == "declaration" and declaration.name.startswith("--"):
                    properties.append((declaration.name, tinycss2.serialize(declaration.value).strip()))
    return tuple(properties)


def _is_root(selector: str) -> bool:
    return selector in _ROOTS or selector.startswith(":root")


def _write(statement: _Statement, scope: str) -> str:
    if isinstance(statement, _Rule):
        return f"{', '.join(selector.scoped(scope) for selector in statement.selectors)} {{ {statement.body} }}"
    if isinstance(statement, _Named):
        return statement.text
    inner = "\n".join(_write(rule, scope) for rule in statement.rules)
    return f"{statement.prelude} {{\n{inner}\n}}"

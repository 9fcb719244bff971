"""The files a page needs to look as it should: which it refers to, and gathering them into one bundle."""

import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

MAX_NOTES = 20

_LINKED = frozenset({"stylesheet", "preload"})
_URL_ATTRIBUTES = {
    "img": ("src", "data-src"),
    "script": ("src",),
    "input": ("src",),
    "video": ("poster",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
_SOURCE_SETS = ("srcset", "data-srcset", "imagesrcset")
# A full CSS parser takes seconds over a framework's style sheet. Lengths are bounded, so hostile input stays linear.
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_URL = re.compile(
    r"""(?P<at>@import\s{0,9}(?:url\(\s{0,9})?|(?<![\w-])url\(\s{0,9})"""
    r"""(?:"([^"\n]{1,2000})"|'([^'\n]{1,2000})'|([^"'()\s;]{1,2000}))""",
    re.IGNORECASE,
)


class AssetUnavailableError(Exception):
    """A file the page refers to can't be had; the message says why in a few words."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A URL as written, and whether what it names is a style sheet, which may refer to more."""

    url: str
    stylesheet: bool = False


@dataclass(frozen=True, slots=True)
class PageReferences:
    """``base`` is the page's own ``<base href>``."""

    base: str | None
    references: list[Reference]


def page_references(html: str) -> PageReferences:
    """What a page asks a browser to load for its looks: styles, scripts, pictures, fonts, but no links and no frames.

    Any input gives an answer, in time linear in its length and without recursion.
    """
    if not html.strip():
        return PageReferences(None, [])
    target: Any = _ReferenceCollector()
    # huge_tree lifts libxml2's depth limit; no tree is built, so depth costs nothing here.
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True)
    found: PageReferences = etree.fromstring(html.encode("utf-8", "replace"), parser)  # type: ignore[assignment]
    return found


def stylesheet_references(css: str) -> list[Reference]:
    """Every ``@import`` and ``url()`` of a style sheet."""
    matches = _URL.finditer(_COMMENT.sub(" ", css))
    return [Reference(match[2] or match[3] or match[4], stylesheet=match["at"].startswith("@")) for match in matches]


class _ReferenceCollector:
    """An lxml parser target: gets the page as a stream of events, returns its ``PageReferences``."""

    def __init__(self) -> None:
        self._base: str | None = None
        self._references: list[Reference] = []
        self._in_style = False
        self._css: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._in_style = tag == "style"
        if tag == "base" and self._base is None:
            self._base = attributes.get("href")
        if tag == "link" and (relations := _LINKED & set(attributes.get("rel", "").lower().split())):
            is_style = "stylesheet" in relations or attributes.get("as") == "style"
            self._add([attributes.get("href")], stylesheet=is_style)
        self._add(attributes.get(name) for name in _URL_ATTRIBUTES.get(tag, ()))
        for name in _SOURCE_SETS:
            self._add(_source_set_urls(attributes.get(name, "")))
        self._references.extend(stylesheet_references(attributes.get("style", "")))

    def data(self, text: str) -> None:
        if self._in_style:
            self._css.append(text)

    def end(self, tag: str) -> None:
        if tag == "style":
            self._in_style = False

    def close(self) -> PageReferences:
        return PageReferences(self._base, self._references + stylesheet_references("".join(self._css)))

    def _add(self, urls: Iterable[str | None], *, stylesheet: bool = False) -> None:
        self._references.extend(Reference(url.strip(), stylesheet) for url in urls if url and url.strip())


def _source_set_urls(source_set: str) -> list[str]:
    """The URLs of a ``srcset``: ``a.png 1x,b.png 2x``; a comma inside a word that is a URL belongs to it."""
    urls = []
    in_descriptor = False
    for word in source_set.split():
        if in_descriptor:
            _, comma, word = word.partition(",")
            in_descriptor = not comma
        if not in_descriptor and (url := word.strip(",")):
            urls.append(url)
            in_descriptor = not word.endswith(",")
    return urls


@dataclass(frozen=True, slots=True)
class AssetLimits:
    """How much may be gathered around a page, in bytes and in files; ``references`` is how many URLs are tried."""

    files: int = 400
    references: int = 2000
    file_bytes: int = 10_000_000
    total_bytes: int = 60_000_000
    stylesheet_depth: int = 3


@dataclass(slots=True)
class Gathered:
    """``files`` maps a path from the bundle's root to its bytes; ``left_out`` says what is missing and why."""

    files: dict[str, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        listed = tuple(f"Left out: {line}"[:500] for line in self.left_out[:MAX_NOTES])
        more = len(self.left_out) - MAX_NOTES
        return (*listed, f"Left out: {more} more files") if more > 0 else listed


ReadAsset = Callable[[str, int], bytes]


def gather(page_url: str, html: str, read: ReadAsset, limits: AssetLimits) -> Gathered:
    """Everything of the page's own origin that it refers to, and that its style sheets refer to.

    ``read(url, max_bytes)`` gives a file's bytes or raises ``AssetUnavailableError``. What can't be had is left out and
    noted: a page without one of its pictures is still a page.
    """
    page = page_references(html)
    page_base = _resolve(page_url, page.base or "") or page_url
    gathered = Gathered()
    seen = {bundle_path(page_url)}
    # Style sheets first: where a limit cuts, pictures matter least.
    by_weight = sorted(page.references, key=lambda reference: not reference.stylesheet)
    waiting = deque((page_base, reference, 1) for reference in by_weight)
    while waiting and len(seen) <= limits.references:
        base, reference, depth = waiting.popleft()
        url = _resolve(base, reference.url)
        if url is None or (key := bundle_path(url) if same_origin(url, page_url) else url) in seen:
            continue
        seen.add(key)
        try:
            content = _read_within(page_url, base, reference.url, url, read, gathered, limits)
        except AssetUnavailableError as reason:
            gathered.left_out.append(f"{reference.url[:300]} ({reason})")
            continue
        gathered.files[key] = content
        if reference.stylesheet and depth < limits.stylesheet_depth:
            found = stylesheet_references(content.decode("utf-8", "replace"))
            waiting.extendleft((url, each, depth + 1) for each in reversed(found))
    if waiting:
        gathered.left_out.append(f"whatever follows the first {limits.references} references")
    return gathered


def bundle_path(url: str) -> str:
    """The path of a URL's file in its bundle: decoded, from the root, ``index.html`` for a folder."""
    written = unquote(urlsplit(url).path)
    path = posixpath.normpath("/" + written).lstrip("/")
    return posixpath.join(path, "index.html") if not path or written.endswith("/") else path


def same_origin(url: str, other: str) -> bool:
    """Whether scheme, host and port are equal. Raises ``ValueError`` for a port that is no number."""
    return _origin(url) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _resolve(base: str, reference: str) -> str | None:
    """The absolute http(s) URL, without its fragment; None for ``data:`` and its like, and for what is no URL."""
    if reference.startswith(("#", "%23")):
        return None
    try:
        parts = urlsplit(urljoin(base, reference))
        _ = parts.port
    except ValueError:
        return None
    return parts._replace(fragment="").geturl() if parts.scheme in {"http", "https", "file"} else None


def _read_within(
    page_url: str, base: str, reference: str, url: str, read: ReadAsset, gathered: Gathered, limits: AssetLimits
) -> bytes:
    if not same_origin(url, page_url):
        raise AssetUnavailableError("of another origin")
    if "\0" in bundle_path(url):
        raise AssetUnavailableError("no proper path")
    if _climbs_out(base, reference):
        raise AssetUnavailableError("outside the design's folder; a wider root folder reaches it")
    if len(gathered.files) >= limits.files:
        raise AssetUnavailableError(f"more than {limits.files} files")
    room = limits.total_bytes - sum(map(len, gathered.files.values()))
    return read(url, min(limits.file_bytes, room))


def _climbs_out(base: str, reference: str) -> bool:
    """Whether the reference goes above the root, by ``..`` written plainly or encoded."""
    parts = urlsplit(reference)
    path = unquote(parts.path)
    if parts.netloc or path.startswith("/"):
        return posixpath.normpath("." + path).startswith("..")
    folder = posixpath.dirname(unquote(urlsplit(base).path)).lstrip("/")
    return posixpath.normpath(posixpath.join(folder, path)).startswith("..")

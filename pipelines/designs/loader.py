"""The way in for a design: a file or an address, checked, gathered with its assets, bounded in every direction."""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from pipelines.designs.assets import AssetLimits, AssetUnavailableError, bundle_path, gather
from pipelines.designs.bundle import DesignBundle, DesignKind
from pipelines.designs.errors import DesignError
from pipelines.designs.fetching import Fetcher, split_url
from pipelines.designs.rendering import decode_html

__all__ = ["DesignError", "Limits", "design_from_bytes", "is_address", "load_design"]

MAX_NAME: Final = 500
MAX_ENTRY: Final = 1000
ACCEPTED: Final = "An HTML page or a PNG, JPEG or WebP picture is needed."
ASSET_SUFFIXES: Final = frozenset(
    {".css", ".js", ".mjs", ".json", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico", ".bmp"}
    | {".woff", ".woff2", ".ttf", ".otf", ".eot"}
)
# A folder of files reads like a site of its own, so that one set of rules for URLs serves both.
_FOLDER_URL: Final = "https://design.invalid/"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_TAG = re.compile(r"<(?:!doctype\b|[a-z][a-z0-9-]*[\s/>])", re.IGNORECASE)
_CONTROL_BYTES: Final = bytes(code for code in range(32) if code not in b"\t\n\f\r\x1b")
_MAX_CONTROL_SHARE: Final = 0.01
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Limits:
    """``entry_bytes`` bounds the page or picture itself; ``timeout_s`` all fetching for one design together."""

    entry_bytes: int = 20_000_000
    timeout_s: float = 30.0
    assets: AssetLimits = field(default_factory=AssetLimits)


DEFAULT_LIMITS: Final = Limits()


def load_design(
    source: str, *, root: Path | None = None, allow_private: bool = False, limits: Limits = DEFAULT_LIMITS
) -> DesignBundle:
    """The design at ``source``, a path or an http(s) URL, with the assets it refers to.

    Of a file, assets are taken from below ``root`` (default: the page's folder) and never from outside, neither by
    ``..`` nor by a symbolic link. Of a URL, they are taken from the page's origin; ``allow_private`` admits addresses
    of this machine and the local network. What was left out stands in the bundle's ``notes``.

    Raises ``DesignError``: ``file-missing``, ``is-a-folder``, ``file-unreadable``, ``file-empty``, ``too-large``,
    ``not-a-design``, ``outside-root``, ``url-invalid``, ``url-unreachable``, ``url-refused``,
    ``url-foreign-redirect``, ``http-status``.
    """
    if not source.strip():
        raise DesignError("file-missing", f"No design is named. {ACCEPTED}")
    if is_address(source):
        return _load_url(source, allow_private, limits)
    return _load_file(Path(source), root, limits)


def is_address(source: str) -> bool:
    """Whether a source names an address, and not a file."""
    return _SCHEME.match(source) is not None


def design_from_bytes(name: str, content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> DesignBundle:
    """A design that came as one upload, without assets. Raises ``DesignError``, as ``load_design`` does."""
    entry = PurePosixPath(name.replace("\\", "/")).name or "design"
    return DesignBundle(_kind(content, entry, limits), entry, entry, {entry: content})


def _load_file(path: Path, root: Path | None, limits: Limits) -> DesignBundle:
    content = _read_entry(path, limits)
    kind = _kind(content, str(path), limits)
    if kind == "image":
        return DesignBundle(kind, path.name, path.name, {path.name: content})
    folder = _resolved(path.parent if root is None else root)
    entry = _entry_below(folder, path)
    page_url = _FOLDER_URL + quote(entry)

    def read(url: str, max_bytes: int) -> bytes:
        return _read_asset(folder, bundle_path(url), max_bytes)

    gathered = gather(page_url, decode_html(content), read, limits.assets)
    return DesignBundle(kind, path.name, entry, {**gathered.files, entry: content}, notes=gathered.notes())


def _load_url(url: str, allow_private: bool, limits: Limits) -> DesignBundle:
    split_url(url)
    fetcher = Fetcher(timeout_s=limits.timeout_s, allow_private=allow_private)
    page = fetcher.page(url, limits.entry_bytes)
    kind = _kind(page.content, url, limits)
    parts = urlsplit(page.url)
    name = f"{parts.hostname}{parts.path}".rstrip("/")[:MAX_NAME]
    entry, base_url = bundle_path(page.url), urljoin(page.url, "/")
    if len(entry) > MAX_ENTRY or "\0" in entry:
        raise DesignError("url-invalid", f"{url[:300]} has no proper path, or one of more than {MAX_ENTRY} characters.")
    if kind == "image":
        return DesignBundle(kind, name, entry, {entry: page.content}, base_url)
    gathered = gather(page.url, decode_html(page.content), fetcher.asset, limits.assets)
    return DesignBundle(kind, name, entry, {**gathered.files, entry: page.content}, base_url, gathered.notes())


def _kind(content: bytes, where: str, limits: Limits) -> DesignKind:
    """What the bytes are, by what they look like and not by what they are called."""
    if len(content) > limits.entry_bytes:
        raise _too_large(where, limits)
    if not content.strip():
        raise DesignError("file-empty", f"{where} is empty. {ACCEPTED}")
    if _is_picture(content):
        return "image"
    if _is_binary(content) or not _TAG.search(decode_html(content)):
        raise DesignError("not-a-design", f"{where} holds no web page. {ACCEPTED}")
    return "html"


def _is_picture(content: bytes) -> bool:
    is_webp = content.startswith(b"RIFF") and content[8:12] == b"WEBP"
    return is_webp or content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def _is_binary(content: bytes) -> bool:
    if content.startswith(_BYTE_ORDER_MARKS):
        return False
    controls = len(content) - len(content.translate(None, _CONTROL_BYTES))
    return content.startswith(b"%PDF-") or controls > _MAX_CONTROL_SHARE * len(content)


def _read_entry(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise DesignError("is-a-folder", f"{path} is a folder. Name the page in it, such as {path / 'index.html'}.")
        if path.exists() and not path.is_file():
            raise DesignError("file-unreadable", f"{path} is not a regular file. {ACCEPTED}")
        with path.open("rb") as file:
            content = file.read(limits.entry_bytes + 1)
    except FileNotFoundError as error:
        raise DesignError("file-missing", f"There is no file {path}. Check the path, or give a URL.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DesignError("file-unreadable", f"{str(path)[:300]} can't be read: {reason}.") from error
    return content


def _too_large(where: str, limits: Limits) -> DesignError:
    return DesignError("too-large", f"{where} is larger than {limits.entry_bytes / 1e6:g} MB. Give a smaller page.")


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve(strict=True)
    except OSError as error:
        raise DesignError("file-missing", f"There is no folder {folder}. Check the root folder.") from error


def _entry_below(folder: Path, path: Path) -> str:
    """The page's path from the root folder; the page itself may be a symbolic link, as a person named it."""
    page = _resolved(path.parent) / path.name
    if not page.is_relative_to(folder):
        raise DesignError(
            "outside-root", f"{path} lies outside the root folder {folder}. Name a folder above the page."
        )
    return page.relative_to(folder).as_posix()


def _read_asset(folder: Path, path: str, max_bytes: int) -> bytes:
    parts = PurePosixPath(path).parts
    if PurePosixPath(path).suffix.lower() not in ASSET_SUFFIXES or any(part.startswith(".") for part in parts):
        raise AssetUnavailableError("not a kind of file that pages are made of")
    try:
        file = (folder / path).resolve(strict=True)
        if not file.is_relative_to(folder):
            raise AssetUnavailableError("a link that leads outside the design's folder")
        if not file.is_file():
            raise AssetUnavailableError("not a regular file")
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except (OSError, ValueError, RuntimeError) as error:
        raise AssetUnavailableError("no such file") from error
    if len(content) > max_bytes:
        raise AssetUnavailableError(f"larger than the {max_bytes} bytes left for it")
    return content

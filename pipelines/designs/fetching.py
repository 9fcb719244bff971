"""Fetching a user's own site, and nothing behind the server's own walls.

A host is resolved once, every address it has is checked, and the connection goes to a checked address: a name
that resolves differently the second time (DNS rebinding) gains nothing. Proxies of the environment are not used.
"""

import http.client
import socket
import ssl
import time
import zlib
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from config.outbound import TimeLimit
from pipelines.designs.assets import AssetUnavailableError, same_origin
from pipelines.designs.errors import DesignError

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0
_CHUNK_BYTES = 65_536
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"User-Agent": "irline", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
_GZIP_WINDOW = 31

PAGE_TYPES = ("text/html", "application/xhtml+xml", "image/")
ASSET_TYPES = ("text/css", "text/javascript", "application/", "image/", "font/")


@dataclass(frozen=True, slots=True)
class Response:
    """``url`` is where the content was found after redirects."""

    url: str
    content: bytes = field(repr=False)


class Fetcher:
    """Fetches one page and its assets within one time budget, ``timeout_s`` from the moment it is made.

    ``allow_private`` admits addresses that the internet does not route: this machine's and the local network's.
    """

    def __init__(self, *, timeout_s: float, allow_private: bool = False) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._allow_private = allow_private

    def page(self, url: str, max_bytes: int) -> Response:
        """The page or picture at ``url``, followed through redirects within its site. Raises ``DesignError``."""
        found = url
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._get(found, max_bytes, PAGE_TYPES)
            if isinstance(reply, Response):
                return reply
            if not _same_site(found, reply.target):
                raise DesignError(
                    "url-foreign-redirect",
                    f"{found} redirects to another site, {reply.target}. Give that address itself if you mean it.",
                )
            found = reply.target
        raise DesignError("url-unreachable", f"{url} redirects more than {MAX_REDIRECTS} times.")

    def asset(self, url: str, max_bytes: int) -> bytes:
        """A file the page refers to; redirects stay on its origin. Raises ``AssetUnavailableError``."""
        found = url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                reply = self._get(found, max_bytes, ASSET_TYPES)
                if isinstance(reply, Response):
                    return reply.content
                if not same_origin(found, reply.target):
                    raise AssetUnavailableError("redirects to another origin")
                found = reply.target
        except DesignError as error:
            raise AssetUnavailableError(error.code.removeprefix("url-").replace("-", " ")) from error
        raise AssetUnavailableError("redirects without end")

    def _get(self, url: str, max_bytes: int, types: tuple[str, ...]) -> "Response | _Redirect":
        parts = split_url(url)
        connection = self._connect(parts)
        try:
            with TimeLimit(self._deadline - time.monotonic()) as limit:
                limit.watch(connection.sock)
                connection.request("GET", _target(parts), headers={**_HEADERS, "Host": _host_header(parts)})
                with connection.getresponse() as response:
                    return self._read(url, response, max_bytes, types)
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            self._refuse_late(url)
            raise DesignError("url-unreachable", f"{url} broke off: {_reason(error)}.") from error
        finally:
            connection.close()

    def _read(
        self, url: str, response: http.client.HTTPResponse, max_bytes: int, types: tuple[str, ...]
    ) -> "Response | _Redirect":
        if response.status in _REDIRECTS and (location := response.getheader("Location")):
            return _Redirect(split_url(urljoin(url, location)).geturl())
        if response.status != http.HTTPStatus.OK:
            raise DesignError("http-status", f"{url} answers {response.status} {response.reason}. Is the page public?")
        media_type = response.headers.get_content_type() if response.getheader("Content-Type") else ""
        if media_type and not media_type.startswith(types):
            raise DesignError(
                "not-a-design", f"{url} is {media_type}. An HTML page or a PNG, JPEG or WebP picture is needed."
            )
        return Response(url, self._body(url, response, max_bytes))

    def _body(self, url: str, response: http.client.HTTPResponse, max_bytes: int) -> bytes:
        body = bytearray()
        while len(body) <= max_bytes and (chunk := response.read(_CHUNK_BYTES)):
            body += chunk
        self._refuse_late(url)
        if response.length and len(body) <= max_bytes:
            raise http.client.IncompleteRead(b"", response.length)
        content = bytes(body)
        if response.getheader("Content-Encoding", "").lower() == "gzip":
            content = zlib.decompressobj(_GZIP_WINDOW).decompress(content, max_bytes + 1)
        if len(content) > max_bytes:
            raise DesignError("too-large", f"{url} is larger than {max_bytes / 1e6:g} MB. Give a smaller page.")
        return content

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        """A connection to one of the host's checked addresses."""
        host, port = _host(parts), _port(parts)
        failure: OSError | None = None
        for address in self._addresses(parts.geturl(), host, port):
            self._refuse_late(parts.geturl())
            timeout = min(CONNECT_TIMEOUT_S, max(0.001, self._deadline - time.monotonic()))
            try:
                plain = socket.create_connection((address, port), timeout)
                connection = http.client.HTTPConnection(host, port, timeout=timeout)
                connection.sock = _secured(plain, host) if parts.scheme == "https" else plain
            except OSError as error:
                failure = error
            else:
                return connection
        raise DesignError("url-unreachable", f"{parts.geturl()} can't be reached: {_reason(failure)}.") from failure

    def _addresses(self, url: str, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            raise DesignError("url-unreachable", f"{url} can't be reached: {_reason(error)}.") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise DesignError(
                "url-refused",
                f"{url} is at a private address. Set DESIGN_ALLOW_PRIVATE_ADDRESSES=true to allow such designs.",
            )
        return addresses

    def _refuse_late(self, url: str) -> None:
        if time.monotonic() >= self._deadline:
            raise DesignError("url-unreachable", f"{url} did not arrive within {self._timeout_s:g} seconds.")


@dataclass(frozen=True, slots=True)
class _Redirect:
    target: str


def split_url(url: str) -> SplitResult:
    """The parts of an http(s) URL. Raises ``DesignError`` (``url-invalid``) for any other."""
    try:
        parts = urlsplit(url)
        _host(parts)
        valid = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise DesignError(
            "url-invalid", f"{url[:300]} is no address of a web page. It starts with http:// or https://."
        )
    if parts.username is not None or parts.password is not None:
        raise DesignError("url-invalid", f"The address of {parts.hostname} carries a name or password. Leave it out.")
    return parts


def is_public(address: str) -> bool:
    """Whether the internet routes to this IP address; one that wraps an IPv4 address counts as that address."""
    return _is_public(ip_address(address.partition("%")[0]))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is not None:
            return _is_public(wrapped)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _same_site(url: str, target: str) -> bool:
    """Whether a redirect stays with the site: the same host, with or without ``www.``, and never back to plain http."""
    here, there = split_url(url), split_url(target)
    if here.scheme == "https" and there.scheme == "http":
        return False
    same_host = _host(here).removeprefix("www.") == _host(there).removeprefix("www.")
    both_default = here.port in (None, _DEFAULT_PORTS[here.scheme]) and there.port in (
        None,
        _DEFAULT_PORTS[there.scheme],
    )
    return same_host and (both_default or _port(here) == _port(there))


def _host(parts: SplitResult) -> str:
    """The host in ASCII. Raises ``ValueError`` for one that no name server could know."""
    host = parts.hostname or ""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _port(parts: SplitResult) -> int:
    return parts.port or _DEFAULT_PORTS[parts.scheme]


def _host_header(parts: SplitResult) -> str:
    host = _host(parts)
    named = f"[{host}]" if ":" in host else host
    return named if _port(parts) == _DEFAULT_PORTS[parts.scheme] else f"{named}:{_port(parts)}"


def _target(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else path


def _secured(plain: socket.socket, host: str) -> socket.socket:
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def _reason(error: BaseException | None) -> str:
    return str(getattr(error, "strerror", None) or error or "no address").rstrip(".")

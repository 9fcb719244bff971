"""Rendering a design in the system's Chromium, for whichever step needs the page as a browser sees it.

    async def measure(page: Page) -> Measured:                 # runs on the browser's own thread
        return await page.evaluate("() => …")

    rendered = render_page(bundle, measure, width=1280)         # a page with its files
    rendered = render_html("<!doctype html>…", measure)         # one string of HTML
    rendered.value, rendered.engine, rendered.refused

``find_browser()`` is None where nothing can render (no Chromium, or no ``playwright`` package): ask it first and
take the static way. ``measure`` gets a ``playwright.async_api.Page`` that has loaded, so axe runs with
``axe_playwright_python.async_playwright.Axe``. It must not block: heavy work belongs after ``render_page`` returns.

Chromium is started at the first render and kept warm; one thread per process owns it, because Playwright and the ORM
can't share a thread. Each render has a context of its own and leaves nothing behind. A page gets the bundle's files
and nothing else: every other request is refused, as are sockets, service workers, downloads and navigation away.
Whatever goes wrong (no browser, a script that never ends, a crash) is a ``RenderingError``, in bounded time.
"""

import asyncio
import atexit
import contextlib
import importlib.util
import logging
import mimetypes
import os
import re
import shutil
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from config import env
from pipelines.designs.assets import bundle_path
from pipelines.designs.bundle import DesignBundle

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page, Playwright, Request, Route

T = TypeVar("T")
logger = logging.getLogger(__name__)

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESIGN_ORIGIN = "https://design.invalid"
MAX_CONCURRENT_RENDERS = 2
MAX_REFUSED_LISTED = 50
START_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 5.0
POLL_S = 0.02

# A proxy that nobody answers: what slips past the interception (sockets of a worker, WebRTC) reaches no one either.
DEAD_PROXY = "socks5://127.0.0.1:9"
BROWSER_ARGUMENTS = (
    "--disable-background-networking",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--js-flags=--max-old-space-size=512",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
DECLARED_ENCODING = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
# Python knows encodings that no page has, and some of them take very long over hostile bytes.
WEB_ENCODING = re.compile(r"iso-8859|windows-|cp125|latin|us-ascii|ascii|gb|big5|euc-|shift|koi8|macintosh")
SIZE_IN_ADDRESS = re.compile(r"(?<!\d)(\d{2,4})x(\d{2,4})(?!\d)")


class RenderingError(Exception):
    """A page that could not be rendered. ``reason`` says why; the message is fit for a note to a person."""

    def __init__(self, reason: Literal["no-browser", "timeout", "failed"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rendered(Generic[T]):
    """``value`` is what the callback returned; ``engine`` names the browser and its version.

    ``refused`` lists the addresses the page asked for in vain (the first fifty).
    """

    value: T
    engine: tuple[str, str]
    refused: tuple[str, ...]


def find_browser() -> Path | None:
    """The Chromium to render with: ``IRLINE_CHROMIUM`` (``off`` switches rendering off), else the system's own."""
    configured = env.value("IRLINE_CHROMIUM")
    if configured == "off" or importlib.util.find_spec("playwright") is None:
        return None
    names = (configured,) if configured else BROWSER_NAMES
    found = next((path for name in names if (path := shutil.which(name))), None)
    return Path(found) if found else None


def render_page(
    bundle: DesignBundle,
    use: Callable[["Page"], Awaitable[T]],
    *,
    width: int = 1280,
    height: int = 900,
    scripts: bool = True,
    timeout_s: float = 20.0,
) -> Rendered[T]:
    """Open the bundle's entry page and give it to ``use``; blocks the caller until both are done.

    ``width`` and ``height`` are the viewport's, in CSS pixels. ``scripts=False`` keeps the page's own scripts from
    running (``page.evaluate`` still works). ``timeout_s`` covers loading and ``use`` together.

    Raises ``RenderingError``. What ``use`` itself raises, beside Playwright's own errors, passes through.
    """
    browser = find_browser()
    if browser is None:
        raise RenderingError("no-browser", "No Chromium was found to render with; set IRLINE_CHROMIUM to its path.")
    job = _Job(bundle, use, width=width, height=height, scripts=scripts, timeout_s=timeout_s)
    return _thread_of_this_process().call(lambda thread: thread.render(browser, job))


def render_html(
    html: str,
    use: Callable[["Page"], Awaitable[T]],
    *,
    width: int = 1280,
    height: int = 900,
    scripts: bool = True,
    timeout_s: float = 20.0,
) -> Rendered[T]:
    """``render_page`` for one string of HTML that has no files of its own."""
    bundle = DesignBundle(kind="html", name="page.html", entry="page.html", files={"page.html": html.encode()})
    return render_page(bundle, use, width=width, height=height, scripts=scripts, timeout_s=timeout_s)


def close_browser() -> None:
    """Stop this process's Chromium now; the next render starts another. Also runs at exit."""
    global _thread
    with _thread_lock:
        thread, _thread = _thread, None
    if thread is not None:
        thread.close()


@dataclass
class _Job(Generic[T]):
    bundle: DesignBundle
    use: Callable[["Page"], Awaitable[T]]
    width: int
    height: int
    scripts: bool
    timeout_s: float
    refused: list[str] = field(default_factory=list)
    opened: bool = False

    @property
    def address(self) -> str:
        return urljoin(self.bundle.base_url or DESIGN_ORIGIN, "/" + quote(self.bundle.entry))

    async def answer(self, route: "Route", request: "Request") -> None:
        """Serve a file of the bundle, or refuse; a context may close at any moment."""
        from playwright.async_api import Error

        with contextlib.suppress(Error):
            if self._leaves_the_page(request):
                self._note_refused(request.url)
                # "No content" leaves the page where it is; an aborted navigation would show an error page.
                await route.fulfill(status=204)
            elif (path := self._path(request.url)) in self.bundle.files:
                await self._serve(route, path)
            else:
                self._note_refused(request.url)
                await self._refuse(route, request)

    async def _serve(self, route: "Route", path: str) -> None:
        is_entry = path == self.bundle.entry
        media_type = "text/html; charset=utf-8" if is_entry else mimetypes.guess_type(path)[0]
        body = decode_html(self.bundle.content).encode() if is_entry else self.bundle.files[path]
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": media_type or "application/octet-stream"}
        await route.fulfill(status=200, headers=headers, body=body)

    async def _refuse(self, route: "Route", request: "Request") -> None:
        size = SIZE_IN_ADDRESS.search(request.url)
        if request.resource_type == "image" and size is not None:
            await route.fulfill(content_type="image/svg+xml", body=_grey_picture(*map(int, size.groups())))
        else:
            await route.abort("blockedbyclient")

    def _note_refused(self, url: str) -> None:
        if len(self.refused) < MAX_REFUSED_LISTED and url not in self.refused:
            self.refused.append(url[:500])

    def _path(self, url: str) -> str:
        return bundle_path(url) if urlsplit(url).netloc == urlsplit(self.address).netloc else ""

    def _leaves_the_page(self, request: "Request") -> bool:
        """Whether this goes anywhere after the page was first opened: in its main frame, or in a new window."""
        if not request.is_navigation_request() or _is_in_a_frame(request):
            return False
        opened, self.opened = self.opened, True
        return opened


def _is_in_a_frame(request: "Request") -> bool:
    from playwright.async_api import Error

    try:
        return request.frame.parent_frame is not None
    except Error:  # a window that is only just opening has no frame yet
        return False


def _grey_picture(width: int, height: int) -> str:
    """Stands in for a picture of another origin whose address names its size, so that the layout holds."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        '<rect width="100%" height="100%" fill="#d3d6da"/></svg>'
    )


def decode_html(content: bytes) -> str:
    """A page's text by its byte order mark, its own ``<meta charset>``, UTF-8, or Windows-1252, in that order."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    declared = DECLARED_ENCODING.search(content[:4096])
    name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    for encoding in (name if WEB_ENCODING.match(name) else "utf-8-sig", "utf-8-sig"):
        with contextlib.suppress(LookupError, UnicodeError):
            return content.decode(encoding)
    return content.decode("cp1252", "replace")


class _BrowserThread:
    """One thread with an event loop, which alone touches Playwright."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="irline-browser", daemon=True)
        self._thread.start()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_RENDERS)
        self._starting = asyncio.Lock()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def call(self, work: Callable[["_BrowserThread"], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(work(self), self._loop).result()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.call(lambda thread: thread._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_TIMEOUT_S)
        self._loop.close()

    async def render(self, executable: Path, job: _Job[T]) -> Rendered[T]:
        from playwright.async_api import Error

        async with self._slots:
            try:
                browser = await self._running_browser(executable)
                value = await self._run(browser, job)
            except TimeoutError as error:
                raise RenderingError("timeout", f"The page did not finish within {job.timeout_s:g} s.") from error
            except Error as error:
                reason = error.message.partition("\n")[0][:200]
                raise RenderingError("failed", f"The browser gave up on the page: {reason}") from error
        return Rendered(value, ("chromium", browser.version), tuple(job.refused))

    async def _run(self, browser: "Browser", job: _Job[T]) -> T:
        context = await self._new_context(browser, job)
        try:
            async with asyncio.timeout(job.timeout_s):
                await context.route("**/*", job.answer)
                await context.route_web_socket("**/*", lambda socket: socket.close())
                page = await context.new_page()
                await page.goto(job.address, wait_until="commit", timeout=0)
                # Playwright's own wait for "load" never ends on a page that tried to go elsewhere while it loaded.
                while await page.evaluate("() => document.readyState") != "complete":
                    await asyncio.sleep(POLL_S)
                await page.evaluate("() => document.fonts.ready.then(() => null)")
                return await job.use(page)
        finally:
            await self._close_context(browser, context)

    async def _new_context(self, browser: "Browser", job: _Job[T]) -> "BrowserContext":
        return await browser.new_context(
            viewport={"width": job.width, "height": job.height},
            java_script_enabled=job.scripts,
            service_workers="block",
            accept_downloads=False,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )

    async def _close_context(self, browser: "Browser", context: "BrowserContext") -> None:
        """A context that will not close takes its browser with it."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await context.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the browser goes
            # Without the trace: a signal to the whole process group ends the browser first, and that is all it tells.
            logger.warning("A rendered page would not close (%s), so its browser is stopped.", type(error).__name__)
            self._browser = None
            with contextlib.suppress(Exception):
                await asyncio.wait_for(browser.close(), CLOSE_TIMEOUT_S)

    async def _running_browser(self, executable: Path) -> "Browser":
        async with self._starting, asyncio.timeout(START_TIMEOUT_S):
            if self._browser is None or not self._browser.is_connected():
                self._browser = await self._launch(executable)
            return self._browser

    async def _launch(self, executable: Path) -> "Browser":
        from playwright.async_api import Error, async_playwright

        if self._playwright is None:
            self._playwright = await async_playwright().start()
        # Chromium refuses its sandbox to root, and some containers refuse it to everyone.
        for sandbox in (True, False) if os.geteuid() else (False,):
            try:
                return await self._playwright.chromium.launch(
                    executable_path=executable,
                    args=BROWSER_ARGUMENTS,
                    chromium_sandbox=sandbox,
                    proxy={"server": DEAD_PROXY, "bypass": "<-loopback>"},
                )
            except Error:
                if not sandbox:
                    raise
                logger.warning("Chromium would not start in its sandbox; it is started without.")
        raise AssertionError("the last launch returned or raised")

    async def _stop(self) -> None:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
            if self._browser is not None:
                await self._browser.close()
            if self._playwright is not None:
                await self._playwright.stop()


_thread: _BrowserThread | None = None
_thread_lock = threading.Lock()


def _thread_of_this_process() -> _BrowserThread:
    global _thread
    with _thread_lock:
        if _thread is None:
            _thread = _BrowserThread()
        return _thread


def _forget_after_fork() -> None:
    """A forked child has the parent's objects but not its thread: it must start its own."""
    global _thread, _thread_lock
    _thread, _thread_lock = None, threading.Lock()


atexit.register(close_browser)
os.register_at_fork(after_in_child=_forget_after_fork)

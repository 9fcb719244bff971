import contextlib
import gzip
import http.server
import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines.designs.assets import AssetLimits, page_references, stylesheet_references
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.fetching import is_public
from pipelines.designs.loader import DesignError, Limits, design_from_bytes, load_design

PAGE = b"<!doctype html><title>Shop</title><h1>Shop</h1>"
SECRET = b"a secret outside the folder"


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "teal").save(buffer, kind)
    return buffer.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def refusal(source: str | Path, **options: object) -> DesignError:
    with pytest.raises(DesignError) as caught:
        load_design(str(source), **options)  # type: ignore[arg-type]
    return caught.value


# --- files


def test_a_page_brings_what_it_refers_to(tmp_path: Path) -> None:
    page = (
        PAGE
        + b'<link rel=stylesheet href="css/a.css?v=2"><script src=js/a.js></script><style>b{background:url(bg.png)}'
        b'</style><img src="img/a%20b.png" srcset="img/1x.png 1x,img/2x.png 2x"><a href=other.html>no</a>'
        b'<svg><use href="icons.svg#cart"/></svg><i style="background:url(\'inline.webp\')"></i>'
    )
    files = {
        "index.html": page,
        "other.html": PAGE,
        "css/a.css": b'/* url(not.png) */ @import"more/b.css"; a{background:url("../deep.png")}',
        "css/more/b.css": b"@font-face{src:url(../fonts/f.woff2?#iefix)}",
        "css/fonts/f.woff2": b"font",
        "js/a.js": b"1",
        **dict.fromkeys(("bg.png", "deep.png", "inline.webp", "img/a b.png", "img/1x.png", "img/2x.png"), b"x"),
        "icons.svg": b"<svg/>",
    }
    bundle = load_design(str(write(tmp_path, files) / "index.html"))
    assert (bundle.kind, bundle.name, bundle.entry, bundle.base_url) == ("html", "index.html", "index.html", None)
    assert set(bundle.files) == set(files) - {"other.html"}
    assert bundle.files["css/fonts/f.woff2"] == b"font"
    assert bundle.notes == ()


def test_a_bundle_keeps_the_page_byte_for_byte(tmp_path: Path) -> None:
    page = "\ufeff<meta charset=utf-16><p>é</p>".encode("utf-16-le")
    bundle = load_design(str(write(tmp_path, {"p.html": page}) / "p.html"))
    assert bundle.content == page
    assert DesignBundle.from_zip(bundle.to_zip(), kind="html", name="p.html", entry="p.html").files == bundle.files


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_known_by_its_bytes(tmp_path: Path, kind: str) -> None:
    bundle = load_design(str(write(tmp_path, {"shot.bin": picture(kind)}) / "shot.bin"))
    assert (bundle.kind, bundle.entry) == ("image", "shot.bin")


def test_a_wider_root_reaches_the_assets_beside_the_pages_folder(tmp_path: Path) -> None:
    page = PAGE + b"<link rel=stylesheet href=../assets/a.css>"
    write(tmp_path, {"pages/p.html": page, "assets/a.css": b"a{}"})
    narrow = load_design(str(tmp_path / "pages/p.html"))
    assert set(narrow.files) == {"p.html"}
    assert "wider root folder" in narrow.notes[0]
    wide = load_design(str(tmp_path / "pages/p.html"), root=tmp_path)
    assert (wide.entry, set(wide.files)) == ("pages/p.html", {"pages/p.html", "assets/a.css"})
    assert refusal(tmp_path / "pages/p.html", root=tmp_path / "assets").code == "outside-root"


def test_a_base_element_moves_what_relative_urls_mean(tmp_path: Path) -> None:
    page = b"<base href=/static/>" + PAGE + b"<img src=a.png>"
    bundle = load_design(str(write(tmp_path, {"p.html": page, "static/a.png": b"x"}) / "p.html"))
    assert "static/a.png" in bundle.files


def test_a_link_that_leads_outside_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"secret.css": SECRET, "site/p.html": PAGE + b"<link rel=stylesheet href=a.css><img src=in.png>"})
    (tmp_path / "site/a.css").symlink_to("../secret.css")
    (tmp_path / "site/in.png").symlink_to("p.html")
    bundle = load_design(str(tmp_path / "site/p.html"))
    assert set(bundle.files) == {"p.html", "in.png"}
    assert "leads outside" in bundle.notes[0]


def test_a_path_is_kept_in_its_plain_form(tmp_path: Path) -> None:
    page = PAGE + b"<img src='css/%2e%2e/a.png'><img src=./a.png><img src='a.png#x'>"
    bundle = load_design(str(write(tmp_path, {"p.html": page, "a.png": b"x", "css/b": b""}) / "p.html"))
    assert set(bundle.files) == {"p.html", "a.png"}


@pytest.mark.parametrize("reference", [".env", ".git/a.css", "notes.txt", "pipe.css", "gone.css", "file:///etc/passwd"])
def test_only_files_that_pages_are_made_of_are_taken(tmp_path: Path, reference: str) -> None:
    page = PAGE + f"<img src='{reference}'>".encode()
    write(tmp_path, {"p.html": page, ".env": SECRET, ".git/a.css": SECRET, "notes.txt": SECRET})
    os.mkfifo(tmp_path / "pipe.css")
    bundle = load_design(str(tmp_path / "p.html"))
    assert set(bundle.files) == {"p.html"}
    assert reference in bundle.notes[0]


segments = st.lists(
    st.sampled_from(["..", "%2e%2e", ".%2E", "%2f", "..%2f", ".", "", "site", "secret.css", "%00", "..\\", "css", "%"]),
    min_size=1,
    max_size=8,
).map("/".join)


@pytest.fixture(scope="module")
def guarded_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    write(folder, {"secret.css": SECRET, "site/secret.css": b"inside", "site/css/secret.css": b"inside"})
    return folder


@given(reference=segments, wrap=st.sampled_from(["<img src='{}'>", "<style>@import '{}'</style>", "<base href='{}'>"]))
def test_no_path_reaches_outside_the_folder(guarded_site: Path, reference: str, wrap: str) -> None:
    page = PAGE + wrap.format(reference).encode() + b"<img src=secret.css>"
    bundle = load_design(str(write(guarded_site, {"site/p.html": page}) / "site/p.html"))
    assert SECRET not in bundle.files.values()
    assert all(".." not in path.split("/") and not path.startswith("/") for path in bundle.files)


def test_bad_files_are_refused_with_a_remedy(tmp_path: Path) -> None:
    write(tmp_path, {"empty.html": b"", "blank.html": b" \n", "words.html": b"no tags < here"})
    write(tmp_path, {"junk.html": bytes(range(256)) * 40, "a.pdf": b"%PDF-1.7 <a >", "a.gif": picture("GIF")})
    os.mkfifo(tmp_path / "pipe.html")
    missing = refusal(tmp_path / "gone.html")
    assert missing.code == "file-missing"
    assert "gone.html" in missing.message
    assert refusal("").code == "file-missing"
    assert "index.html" in refusal(tmp_path).message
    assert refusal(tmp_path / "pipe.html").code == "file-unreadable"
    assert refusal("x" * 5000).code == refusal("a\0b").code == "file-unreadable"
    assert {refusal(tmp_path / name).code for name in ("empty.html", "blank.html")} == {"file-empty"}
    for name in ("words.html", "junk.html", "a.pdf", "a.gif"):
        error = refusal(tmp_path / name)
        assert error.code == "not-a-design"
        assert "PNG, JPEG or WebP" in error.message


def test_a_page_of_50_mb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.html"
    with path.open("wb") as file:
        file.write(PAGE)
        file.truncate(50_000_000)
    error = refusal(path)
    assert error.code == "too-large"
    assert "20 MB" in error.message


def test_assets_are_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(30)]
    page = PAGE + "".join(f"<img src={name}>" for name in names).encode()
    path = write(tmp_path, {"p.html": page, **dict.fromkeys(names, b"x" * 100)}) / "p.html"
    few = load_design(str(path), limits=Limits(assets=AssetLimits(files=3)))
    assert len(few.files) == 4
    assert "more than 3 files" in few.notes[0]
    assert "7 more files" in few.notes[-1]
    small = load_design(str(path), limits=Limits(assets=AssetLimits(total_bytes=250)))
    assert len(small.files) == 3
    tried = load_design(str(path), limits=Limits(assets=AssetLimits(references=5)))
    assert len(tried.files) == 6
    assert "first 5 references" in tried.notes[0]


def test_style_sheets_that_import_each_other_end(tmp_path: Path) -> None:
    sheets = {f"{n}.css": f"@import '{(n + 1) % 9}.css'".encode() for n in range(9)}
    page = PAGE + b"<link rel=stylesheet href=0.css>"
    bundle = load_design(str(write(tmp_path, {"p.html": page, **sheets}) / "p.html"))
    assert set(bundle.files) == {"p.html", "0.css", "1.css", "2.css"}


@given(
    st.text() | st.lists(st.sampled_from(["url(", "@import ", "'", '"', ")", "/*", "*/", "a.css", " "])).map("".join)
)
def test_any_text_has_its_references_read(text: str) -> None:
    stylesheet_references(text)
    page_references(text)
    page_references(f"<img srcset='{text}'><style>{text}")


@pytest.mark.parametrize("piece", ["<div>", "url(", "/*", '@import "', ",", "<img srcset='a, b, '>", "<style>"])
def test_hostile_pages_are_read_in_bounded_time(piece: str) -> None:
    page = PAGE + (piece * (1_000_000 // len(piece))).encode()
    assert design_from_bytes("p.html", page).kind == "html"
    started = time.thread_time()
    page_references(page.decode())
    stylesheet_references(page.decode())
    assert time.thread_time() - started < 10


def test_an_upload_is_a_design_without_assets() -> None:
    bundle = design_from_bytes("C:\\designs\\..\\shop.html", PAGE)
    assert (bundle.name, bundle.files) == ("shop.html", {"shop.html": PAGE})


# --- addresses


class Site(http.server.ThreadingHTTPServer):
    """Answers from ``pages``: path to (status, headers, body); remembers what it was asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.released = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/stalls":
            self.server.released.wait(30)
            return
        if self.path == "/drips":
            self._drip()
            return
        status, headers, body = self.server.pages.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in ({"Content-Type": "text/html", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """One byte at a time, each within a socket's own time limit."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.released.wait(0.02):
                self.wfile.write(b".")

    def log_message(self, *arguments: object) -> None:
        return None


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_site_brings_its_page_and_its_own_assets(site: Site) -> None:
    page = PAGE + f"<link rel=stylesheet href='/css/a.css?v=1'><img src=b.png><img src='{site.url}/c.png'>".encode()
    page += b"<img src=https://elsewhere.invalid/d.png><img src=gone.png><img src=page.png>"
    site.pages = {
        "/shop/?p=1": (200, {}, page),
        "/css/a.css?v=1": (200, {"Content-Type": "text/css"}, b"a{background:url(../c.png)}"),
        "/shop/b.png": (200, {"Content-Type": "image/png"}, b"b"),
        "/shop/page.png": (200, {"Content-Type": "text/html"}, PAGE),
        "/c.png": (200, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, gzip.compress(b"c")),
    }
    bundle = load_design(f"{site.url}/shop/?p=1", allow_private=True)
    assert (bundle.name, bundle.entry, bundle.base_url) == ("127.0.0.1/shop", "shop/index.html", f"{site.url}/")
    assert bundle.content == page
    assert {path: bundle.files[path] for path in ("shop/b.png", "c.png")} == {"shop/b.png": b"b", "c.png": b"c"}
    assert set(bundle.files) == {"shop/index.html", "css/a.css", "shop/b.png", "c.png"}
    assert len(bundle.notes) == 3
    assert [note for note in bundle.notes if "elsewhere.invalid" in note and "another origin" in note]
    assert [note for note in bundle.notes if "gone.png (http status)" in note]
    assert [note for note in bundle.notes if "page.png (not a design)" in note]
    assert site.asked.count("/c.png") == 1


def test_an_address_without_a_proper_path_is_refused(site: Site) -> None:
    long = "/" + "long" * 300
    site.pages = {"/a%00b": (200, {}, PAGE), long: (200, {}, PAGE)}
    assert refusal(f"{site.url}/a%00b", allow_private=True).code == "url-invalid"
    assert refusal(f"{site.url}{long}", allow_private=True).code == "url-invalid"


def test_a_picture_at_an_address(site: Site) -> None:
    site.pages = {"/shot": (200, {"Content-Type": "image/png"}, picture("PNG"))}
    bundle = load_design(f"{site.url}/shot", allow_private=True)
    assert (bundle.kind, bundle.entry) == ("image", "shot")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "0",
        "10.0.0.1",
        "[fe80::1]",
    ],
)
def test_private_addresses_are_refused_unasked(site: Site, host: str) -> None:
    site.pages = {"/": (200, {}, PAGE)}
    error = refusal(f"http://{host}:{site.server_port}/")
    assert error.code in {"url-refused", "url-unreachable"}
    assert error.code == "url-refused" or host == "[fe80::1]"
    assert "DESIGN_ALLOW_PRIVATE_ADDRESSES" in error.message or host == "[fe80::1]"
    assert site.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fc00::1",
        "fe80::1%lo",
        "fec0::1",
        "ff0e::1",
        "2002:a00:1::",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "::10.0.0.1",
        "2001:db8::1",
    ],
)
def test_an_address_the_internet_does_not_route_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_as_the_one_it_wraps(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    assert is_public("8.8.8.8")
    assert is_public("2606:4700::1111")


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    assert refusal("http://two-faced.invalid/").code == "url-refused"


def test_the_connection_goes_to_the_address_that_was_checked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages = {"/": (200, {}, PAGE)}
    resolve, asked = socket.getaddrinfo, []

    def answer_once(host: str, *rest: object, **named: object) -> object:
        asked.append(host)
        return resolve("127.0.0.1" if asked.count("rebind.invalid") == 1 else host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answer_once)
    assert load_design(f"http://rebind.invalid:{site.server_port}/", allow_private=True).content == PAGE
    assert asked.count("rebind.invalid") == 1


def test_redirects_stay_on_the_site(site: Site) -> None:
    site.pages = {
        "/old": (301, {"Location": "/new/"}, b""),
        "/new/": (200, {}, PAGE),
        "/port": (302, {"Location": "http://127.0.0.1:1/"}, b""),
        "/away": (302, {"Location": "https://elsewhere.invalid/"}, b""),
        "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        "/loop": (302, {"Location": "/loop"}, b""),
        "/broken": (302, {"Location": "http://x:y/"}, b""),
    }
    assert load_design(f"{site.url}/old", allow_private=True).entry == "new/index.html"
    for path, code in {"port": "url-foreign-redirect", "away": "url-foreign-redirect", "file": "url-invalid"}.items():
        assert refusal(f"{site.url}/{path}", allow_private=True).code == code
    assert refusal(f"{site.url}/loop", allow_private=True).code == "url-unreachable"
    assert refusal(f"{site.url}/broken", allow_private=True).code == "url-invalid"


def test_an_asset_that_redirects_away_is_left_out(site: Site) -> None:
    site.pages = {
        "/": (200, {}, PAGE + b"<img src=a.png><img src=b.png>"),
        "/a.png": (302, {"Location": "http://127.0.0.1:1/"}, b""),
        "/b.png": (302, {"Location": "http://x:y/"}, b""),
    }
    bundle = load_design(f"{site.url}/", allow_private=True)
    assert set(bundle.files) == {"index.html"}
    assert "another origin" in bundle.notes[0]


def test_bad_answers_are_refused(site: Site) -> None:
    site.pages = {
        "/empty": (200, {}, b""),
        "/pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF"),
        "/big": (200, {}, PAGE * 100),
        "/bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(PAGE + b" " * 3000)),
        "/short": (200, {"Content-Length": "900"}, PAGE),
        "/garbled": (200, {"Content-Encoding": "gzip"}, PAGE),
    }
    small = Limits(entry_bytes=1000)
    expected = {"gone": "http-status", "empty": "file-empty", "pdf": "not-a-design", "big": "too-large"}
    expected |= {"bomb": "too-large", "short": "url-unreachable", "garbled": "url-unreachable"}
    for path, code in expected.items():
        assert refusal(f"{site.url}/{path}", allow_private=True, limits=small).code == code
    assert "404" in refusal(f"{site.url}/gone", allow_private=True).message


@pytest.mark.parametrize("path", ["stalls", "drips"])
def test_a_server_that_never_ends_is_given_up(site: Site, path: str) -> None:
    started = time.monotonic()
    error = refusal(f"{site.url}/{path}", allow_private=True, limits=Limits(timeout_s=0.3))
    assert error.code == "url-unreachable"
    assert "0.3 seconds" in error.message
    assert time.monotonic() - started < 5


def test_an_address_nobody_listens_at_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/", allow_private=True).code == "url-unreachable"
    assert refusal("http://nowhere.invalid/").code == "url-unreachable"


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/", "http://", "http://[", "http://a:b/", "file:///etc/passwd", f"http://é{'x' * 70}.org/"],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert refusal(url).code == "url-invalid"


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    error = refusal("http://me:hunter2@example.org/")
    assert error.code == "url-invalid"
    assert "hunter2" not in error.message


def test_a_proxy_of_the_environment_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages = {"/": (200, {}, PAGE)}
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert load_design(f"{site.url}/", allow_private=True).content == PAGE


def test_the_demo_page_is_whole() -> None:
    page = Path(__file__).parents[2] / "pipelines/demo/page"
    bundle = load_design(str(page / "index.html"))
    assert bundle.notes == ()
    assert set(bundle.files) == {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    assert sum(map(len, bundle.files.values())) < 300_000

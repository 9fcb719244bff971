"""A site whose one page takes its time."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATIENCE = 60.0  # seconds


class SlowSite:
    """Serves a page on this machine while the ``with`` block lasts. ``asked`` is set by the first who wants it;

    nobody gets it before ``answers`` is set. ``count`` is how often it was asked for.
    """

    def __init__(self) -> None:
        self.asked, self.answers = threading.Event(), threading.Event()
        self.count = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.count += 1
                site.asked.set()
                site.answers.wait(PATIENCE)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><h1>Hello</h1>")

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        return Page

"""A real HTTP server that answers every address in the same way, and keeps what it was sent."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = Callable[..., tuple[str, list[Any]]]


class Answering(BaseHTTPRequestHandler):
    """Answers every address in the same way, and keeps what it was sent.

    ``raw`` is said instead of HTTP. With ``drips`` a byte comes every few milliseconds, for much longer than anybody
    should wait.
    """

    status, body, delay, raw, drips = 200, b"{}", 0.0, b"", False
    sent: list[Any] = []

    def do_GET(self) -> None:
        if self.raw:
            self.wfile.write(self.raw)
            return
        if self.drips:
            self._drip()
            return
        time.sleep(self.delay)
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.body)

    def do_POST(self) -> None:
        self.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def _drip(self) -> None:
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.0 200 OK\r\nX: " + b"x" * 1000:
                self.wfile.write(bytes([byte]))
                time.sleep(0.005)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def answering_servers() -> Iterator[Answers]:
    """Makes servers that answer as told; each call gives the address of one and what is posted to it."""
    servers = []

    def make(**how: Any) -> tuple[str, list[Any]]:
        handler = type("Handler", (Answering,), {"sent": [], **how})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", handler.sent

    try:
        yield make
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()

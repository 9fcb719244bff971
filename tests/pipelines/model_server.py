"""A real HTTP server that answers as a model's API does, or fails as one does."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPENAI = {
    "id": "chat-1",
    "object": "chat.completion",
    "created": 1,
    "model": "model-1-2026",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"title": "Swift"}'}}
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}
ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "model-1-2026",
    "content": [{"type": "text", "text": '{"title": "Swift"}'}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 30,
        "output_tokens": 20,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 10,
        "output_tokens_details": {"thinking_tokens": 5},
    },
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer with; ``body`` is JSON, or bytes to be sent as they are. ``hangs`` never answers.

    ``drips`` answers with blanks for as long as anybody listens, as gateways do to keep a connection. A header may be
    a function, which says its value when it is sent.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str | Callable[[], str]] = field(default_factory=dict)
    hangs: bool = False
    drips: bool = False


@dataclass
class ModelServer:
    """Gives ``replies`` in turn, the last of them again and again, and keeps what it was sent."""

    base_url: str
    replies: list[Reply]
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def take(self, handler: BaseHTTPRequestHandler) -> Reply:
        self.paths.append(handler.path)
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        self.bodies.append(json.loads(handler.rfile.read(int(handler.headers.get("Content-Length", 0))) or b"null"))
        return self.replies[min(len(self.bodies), len(self.replies)) - 1]


@contextmanager
def model_server(*replies: Reply) -> Iterator[ModelServer]:
    """A server on a free port of this machine, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply = served.take(self)
            if reply.hangs:
                served.closing.wait()
                return
            if reply.drips:
                self.drip()
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value() if callable(value) else value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def drip(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while not served.closing.wait(0.05):
                    self.wfile.write(b" ")

        def log_message(self, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = ModelServer(f"http://127.0.0.1:{server.server_port}", list(replies))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()

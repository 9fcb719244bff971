"""The application behind gunicorn, in processes of their own, over the database of the benchmark."""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

ROOT = Path(__file__).parent.parent


@contextmanager
def server(port: int, *, workers: int = 1, pages: bool = False) -> Iterator[None]:
    """Serves at 127.0.0.1 until the block is left; with ``pages`` also those of the admin, which name static files."""
    settings = connection.settings_dict
    where = (
        f"/{settings['HOST']}" if settings["HOST"].startswith("/") else f"{settings['HOST']}:{settings['PORT'] or 5432}"
    )
    secret = f":{settings['PASSWORD']}" if settings["PASSWORD"] else ""
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{settings['USER']}{secret}@{where}/{settings['NAME']}",
        "DEBUG": "false",
    }
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--no-control-socket", "--workers", str(workers)]
    with tempfile.TemporaryDirectory() as static:
        environment["STATIC_ROOT"] = static
        if pages:
            collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
            subprocess.run(collect, cwd=ROOT, env=environment, check=True)
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )
        try:
            _wait_until_it_answers(port)
            yield
        finally:
            process.terminate()
            process.wait()


def connection_parameters() -> dict[str, Any]:
    """Of the benchmark's database, as ``psycopg.connect`` takes them."""
    settings = connection.settings_dict
    return {
        "host": settings["HOST"],
        "port": settings["PORT"] or None,
        "user": settings["USER"],
        "password": settings["PASSWORD"] or None,
        "dbname": settings["NAME"],
    }


def _wait_until_it_answers(port: int) -> None:
    for _ in range(300):
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/healthz")
            client.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The server did not start.")

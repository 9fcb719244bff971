"""More databases on the benchmark's server: copies of its own and empty ones, and how they are reached."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from ir_schemas.active import stop_listening


def database_url(name: str | None = None) -> str:
    """Where other processes find the scratch database, or the database ``name`` on the same server."""
    parts = connection.settings_dict
    server = f"postgres://{parts['USER']}:{parts['PASSWORD']}@/{name or parts['NAME']}"
    return f"{server}?host={parts['HOST']}&port={parts['PORT'] or 5432}"


@contextmanager
def on_database(other: BaseDatabaseWrapper) -> Iterator[None]:
    """Django uses another connection for a while."""
    own = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = other
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = own


def connection_to(name: str) -> BaseDatabaseWrapper:
    """A connection of its own to another database of the same server."""
    other = connections[DEFAULT_DB_ALIAS].copy()
    other.settings_dict = {**other.settings_dict, "NAME": name}
    return other


def make_database(name: str) -> str:
    """An empty database on the same server; its name."""
    drop_database(name)
    _on_server("CREATE DATABASE {}", name)
    return name


@contextmanager
def copied_database(name: str) -> Iterator[str]:
    """A copy of the scratch database, to which nobody may be connected; its name."""
    drop_database(name)
    stop_listening()
    connection.close()
    _on_server("CREATE DATABASE {} TEMPLATE {}", name, connection.settings_dict["NAME"])
    try:
        yield name
    finally:
        drop_database(name)


def drop_database(name: str) -> None:
    _on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _on_server(statement: LiteralString, *names: str) -> None:
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

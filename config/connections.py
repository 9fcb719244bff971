"""What a connection to PostgreSQL is told when it is made."""

from typing import Any
from weakref import WeakSet

_told: WeakSet[Any] = WeakSet()


def interpret_plans(connection: Any, **_: Any) -> None:
    """Have plans interpreted, not compiled, where PostgreSQL has a compiler, as Debian's has.

    It compiles what looks dear. Our figures look dear, as the planner cannot know how few hours are not folded yet, and
    are read within milliseconds: compiling them took 1 to 3 s at every request. This is no parameter of the connection,
    as PgBouncer refuses those that it does not know. A pool hands out a connection more than once.
    """
    if connection.connection not in _told:
        connection.connection.execute("SET jit = off")
        _told.add(connection.connection)

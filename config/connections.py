"""What a connection to PostgreSQL is told when it is made.

None of it is a parameter of the connection, as PgBouncer refuses those that it does not know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

SET = "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS setting(name, value)"
_settings = {"jit": "off"}
"""Plans are interpreted, not compiled, where PostgreSQL has a compiler, as Debian's has.

It compiles what looks dear. Our figures look dear, as the planner cannot know how few hours are not folded yet, and are
read within milliseconds: compiling them took 1 to 3 s at every request.
"""
_told: WeakSet[Any] = WeakSet()


def tell(connection: Any, **_: Any) -> None:
    """Tell a new connection the settings that hold; a pool hands out a connection more than once."""
    if connection.connection not in _told:
        connection.connection.execute(SET, [list(_settings), list(_settings.values())])
        _told.add(connection.connection)


@contextmanager
def ending_idle_transactions(milliseconds: int) -> Iterator[None]:
    """Connections that this process makes meanwhile are ended where they are idle in a transaction for so long.

    A process that was stopped in the midst of one would else keep the rows that it holds from all others.
    """
    _settings["idle_in_transaction_session_timeout"] = str(milliseconds)
    try:
        yield
    finally:
        del _settings["idle_in_transaction_session_timeout"]

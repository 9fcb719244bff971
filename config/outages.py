"""What tells that the database is away or too busy for now, and not that something is wrong."""

from django.db import InterfaceError, InternalError, OperationalError

OUTAGE = (OperationalError, InterfaceError)
PASSING = ("08", "40", "53000", "53200", "53300", "55P03", "57")
"""How the SQLSTATEs begin of errors that pass. A full disk, or a statement past PostgreSQL's limits, is no outage."""
ENDED = "25P03"
"""PostgreSQL has ended the connection, as it was idle in a transaction; psycopg calls that an internal error."""


def is_outage(error: BaseException | None) -> bool:
    """Whether the database is away or too busy, so that the same may work in a moment."""
    if not isinstance(error, (*OUTAGE, InternalError)):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(error, InternalError):
        return bool(state == ENDED)
    return state is None or state.startswith(PASSING)

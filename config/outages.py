"""What tells that the database is away or too busy for now, and not that something is wrong."""

from django.db import InterfaceError, OperationalError

OUTAGE = (OperationalError, InterfaceError)
PASSING = ("08", "40", "53000", "53200", "53300", "55P03", "57")
"""How the SQLSTATEs begin of errors that pass. A full disk, or a statement past PostgreSQL's limits, is no outage."""


def is_outage(error: BaseException | None) -> bool:
    """Whether the database is away or too busy, so that the same may work in a moment."""
    if not isinstance(error, OUTAGE):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(PASSING)

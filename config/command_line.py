"""How a command ends that the terminal, or the database, cuts off."""

import os
import select
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError, DataError, OperationalError
from django.db.migrations.exceptions import MigrationSchemaMissing

from config.embedded_postgres import EmbeddedPostgresError

INTERRUPTED, NOBODY_READS = 130, 141
"""As a shell has it of programs that a signal ends: 128 and the signal's number."""
NOT_MIGRATED = {"42P01", "42703", "42883"}
"""What PostgreSQL says of a table, a column and a function that are not there."""
NO_EXTENSION, NOT_ALLOWED = "0A000", "42501"
"""What it says of an extension that is not installed on the server, and of what the user may not do."""


def run(arguments: list[str]) -> None:
    """Run a command. It ends in words, not in a traceback, where its reader leaves (``| head``), where it is
    interrupted, where it was given bytes for a text, and where the database is away or has no tables yet.
    ``--traceback`` shows what Django would.
    """
    try:
        try:
            execute_from_command_line(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_unread(1) and not _is_unread(2):
            raise
        _write_no_more()
        sys.exit(NOBODY_READS)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except (UnicodeEncodeError, DataError):
        broken = next((each for each in arguments if not _is_text(each)), None)
        if broken is None or "--traceback" in arguments:
            raise
        sys.exit(f"manage.py: {broken!a} is not UTF-8, so it is no text. Set the terminal to UTF-8 and type it anew.")
    except (EmbeddedPostgresError, ImproperlyConfigured) as error:
        sys.exit(f"manage.py: {error}")
    except DatabaseError as error:
        remedy = _remedy(error)
        if remedy is None or "--traceback" in arguments:
            raise
        sys.exit(f"manage.py: {str(error).strip().splitlines()[0]}\n{remedy}")


def _is_text(argument: str) -> bool:
    """Python keeps bytes that are not UTF-8 as half surrogates, which a file's name may have and nothing else."""
    return not any("\ud800" <= letter <= "\udfff" for letter in argument)


def _is_unread(descriptor: int) -> bool:
    """Whether it is a pipe whose other end is closed; a broken connection to elsewhere is no reader who left."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _write_no_more() -> None:
    """Python flushes what is left at its end, and would complain once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if _is_unread(descriptor):
            os.dup2(nowhere, descriptor)


def _remedy(error: DatabaseError) -> str | None:
    state = getattr(error.__cause__, "sqlstate", None)
    if state in NOT_MIGRATED:
        return "The database may lack what this version needs. Bring it up to date: manage.py migrate"
    if state == NO_EXTENSION and "extension" in str(error):
        return (
            "Install pgvector on the database's server (https://github.com/pgvector/pgvector#installation-notes), or "
            "unset DATABASE_URL to use the embedded PostgreSQL."
        )
    if state == NOT_ALLOWED or isinstance(error, MigrationSchemaMissing):
        return (
            "The user of DATABASE_URL must own the database. Where it may not make extensions, have a superuser do so "
            "once: CREATE EXTENSION vector"
        )
    if isinstance(error, OperationalError):
        return "The database could not be used. Look whether it runs and whether DATABASE_URL names it."
    return None

"""PostgreSQL's clock: the only one that counts for what the database keeps."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The wall clock of the database server, timezone-aware."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment

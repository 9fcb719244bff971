"""How many queries something makes."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


def queries_of(call: Callable[[], Any]) -> int:
    """By a call."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def queries_of_page(client: Any, address: str) -> int:
    """By a page or an endpoint, which has to be there."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return len(captured)


def plans_of(call: Callable[[], Any]) -> list[str]:
    """How PostgreSQL would carry out each statement on a table of rows that a call makes."""
    with CaptureQueriesContext(connection) as captured:
        call()
    plans = []
    for query in captured.captured_queries:
        if query["sql"].startswith(("SELECT", "UPDATE", "DELETE")):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans

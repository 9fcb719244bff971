"""What holds of every connection that irline makes."""

from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


@pytest.mark.django_db(transaction=True)
def test_plans_are_interpreted_on_a_connection_of_any_thread() -> None:
    said: list[Any] = []

    def ask() -> None:
        with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
            cursor.execute("SHOW jit")
            said.extend((cursor.fetchone(), len(captured)))
        connection.close()

    for _ in range(2):
        thread = Thread(target=ask)
        thread.start()
        thread.join()

    assert said == [("off",), 1, ("off",), 1]

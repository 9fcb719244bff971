"""The admin lists of tables that only grow."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.admin_base import BoundedPaginator
from tests.factories import TestRunFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/monitoring/testrun/"


def test_a_list_never_counts_its_whole_table(client: Client, boss: User) -> None:
    TestRunFactory()

    with CaptureQueriesContext(connection) as captured:
        client.get(LIST)

    counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"] and "test_run" in query["sql"]]
    assert counts
    assert all(f"LIMIT {BoundedPaginator.most + 1}" in sql for sql in counts)


def test_a_list_of_more_says_how_to_reach_the_others(
    client: Client, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedPaginator, "most", 2)
    TestRunFactory.create_batch(2)
    assert "to see others" not in client.get(LIST).content.decode()

    TestRunFactory()

    shown = client.get(LIST).content.decode()
    assert "The first 2 test runs; filter or search to see others." in shown

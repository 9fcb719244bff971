"""The admin lists of tables that only grow."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.admin_lists import BoundedPaginator
from tests.factories import DesignSplitFactory, TestRunFactory

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
    assert reads_dates(client, LIST)

    TestRunFactory()

    shown = client.get(LIST).content.decode()
    assert "The first 2 test runs; filter or search to see others." in shown
    assert not reads_dates(client, LIST)
    assert reads_dates(client, f"{LIST}?started_at__year={timezone.now().year}")


def reads_dates(client: Client, address: str) -> bool:
    """Whether the page looks for the months or days of which there are rows."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return any("DATE_TRUNC" in query["sql"] for query in captured)


@pytest.mark.parametrize("field", ["pk", "run_group_id"])
def test_an_id_is_looked_up_and_compared_with_no_rows_text(client: Client, boss: User, field: str) -> None:
    wanted, other = TestRunFactory(run_group_id=uuid4()), TestRunFactory()

    with CaptureQueriesContext(connection) as captured:
        shown = client.get(LIST, {"q": f" {getattr(wanted, field)} "}).content.decode()

    assert str(wanted.pk) in shown
    assert str(other.pk) not in shown
    assert not any("UPPER" in query["sql"] for query in captured)


def test_an_id_and_a_word_have_both_to_fit(client: Client, boss: User) -> None:
    page = DesignSplitFactory(name="Start page")
    wanted = TestRunFactory(design_split=page)

    assert str(wanted.pk) in client.get(LIST, {"q": f"start {page.pk}"}).content.decode()
    assert str(wanted.pk) not in client.get(LIST, {"q": f"about {page.pk}"}).content.decode()
    assert str(wanted.pk) not in client.get(LIST, {"q": str(uuid4())}).content.decode()

"""Those who add a version of one answer at once, each with a connection of their own, wait for each other."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test import Client

from feedback import ground_truth
from feedback.errors import ImportRefused
from feedback.ground_truth_lines import import_lines
from feedback.models import GroundTruth, GroundTruthSet
from tests.factories import GroundTruthSetFactory, UserFactory
from tests.waiting import until, waiting_for_locks

pytestmark = pytest.mark.django_db(transaction=True)
ANSWER = {"scope": "split", "reference_id": "a"}
LINE = {"scope": "split", "referenceId": "a", "version": 1, "data": {"from": "a file"}}
FORM = {"scope": "split", "reference_id": "a", "data": '{"from": "a form"}', "provenance": "{}"}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def begun(pool: ThreadPoolExecutor, call: Callable[[], Any]) -> Future[Any]:
    """The call in a connection of its own, once it waits for somebody's lock."""

    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    before = waiting_for_locks()
    future = pool.submit(run)
    until(lambda: future.done() or waiting_for_locks() > before)
    return future


def add(**more: Any) -> GroundTruth:
    return ground_truth.add_version(**ANSWER, data={"from": "a review"}, provenance={}, **more)


def take_in(truth_set: GroundTruthSet | None = None) -> Any:
    return import_lines([json.dumps(LINE).encode()], truth_set=truth_set)


def versions() -> list[tuple[int, Any]]:
    return list(GroundTruth.objects.order_by("version").values_list("version", "data__from"))


def test_a_curator_waits_for_an_import_of_the_same_answer() -> None:
    truth_set = GroundTruthSetFactory()
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            GroundTruthSet.objects.select_for_update().get(pk=truth_set.pk)  # keeps the import from its end
            imported = begun(pool, partial(take_in, truth_set))
            added = begun(pool, add)
        assert imported.result().created == 1
        assert added.result().version == 2

    assert versions() == [(1, "a file"), (2, "a review")]


def test_an_import_waits_for_a_curator_and_then_says_what_is_there() -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add()
            imported = begun(pool, take_in)
        with pytest.raises(ImportRefused, match="line 1: split a v1 is there with other data"):
            imported.result()

    assert versions() == [(1, "a review")]


def test_imports_of_the_same_answers_in_other_orders_wait_for_each_other() -> None:
    lines = [json.dumps({**LINE, "referenceId": name}).encode() for name in "12a34"]
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            ground_truth.add_version(**ANSWER, data=LINE["data"], provenance={})  # keeps both from their ends, half-way
            both = [begun(pool, partial(import_lines, each)) for each in (lines, lines[::-1])]
        assert sorted(each.result().created for each in both) == [0, 4]


def test_the_admins_form_gives_the_next_number_and_waits_for_others(boss: Client) -> None:
    page = boss.get("/admin/feedback/groundtruth/add/").content.decode()
    assert 'name="version"' not in page
    assert 'name="feedback"' not in page
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add()
            sent = begun(pool, partial(boss.post, "/admin/feedback/groundtruth/add/", {**FORM, "version": 7}))
        assert sent.result().status_code == 302

    assert versions() == [(1, "a review"), (2, "a form")]
    assert GroundTruth.objects.get(version=2).created_by is not None


def test_while_review_is_off_the_form_says_that_its_number_was_taken_meanwhile(
    boss: Client, settings: LazySettings
) -> None:
    settings.REVIEW_ENABLED = False
    assert 'name="version"' in boss.get("/admin/feedback/groundtruth/add/").content.decode()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add()
            sent = begun(pool, partial(boss.post, "/admin/feedback/groundtruth/add/", {**FORM, "version": 1}))
        answer = sent.result()

    assert (answer.status_code, "was added meanwhile" in answer.content.decode()) == (200, True)
    assert versions() == [(1, "a review")]

"""What holds of every connection that irline makes."""

from functools import partial
from threading import Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ir_schemas.models import IRArtifact
from pipelines import engine
from pipelines.outages import through_outages
from pipelines.steps.contract import StepContext, StepResult
from tests.pipelines import building
from tests.waiting import until


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


@pytest.mark.django_db(transaction=True)
def test_a_worker_keeps_no_transaction_open_for_longer_than_a_lease(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = {"emit": f"{__name__}.ask"}
    settings.PIPELINE_LEASE_MS = 34_567
    settings.PIPELINE_EXECUTOR = "distributed"
    engine.start_run(version=building.pipeline({"key": "a"}))

    call_command("worker", once=True)

    assert IRArtifact.objects.get().ir_json == {"ends": "34567ms"}


def ask(context: StepContext) -> StepResult:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        return StepResult(ir={"ends": cursor.fetchone()[0]})


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_was_ended_as_idle_is_begun_again() -> None:
    ended: list[bool] = []

    def work(broke: bool) -> None:
        ended.append(broke)
        with transaction.atomic(), connection.cursor() as cursor:
            if not broke:
                cursor.execute(
                    "SELECT pg_backend_pid() FROM set_config('idle_in_transaction_session_timeout', '1', true)"
                )
                until(partial(_is_gone, cursor.fetchone()[0]))
            cursor.execute("SELECT 1")

    through_outages("a transaction", work)

    assert ended == [False, True]


def _is_gone(backend: int) -> bool:
    """Whether the server has ended this connection, as another one sees it."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)", [backend])
            return bool(cursor.fetchone()[0])
    finally:
        other.close()

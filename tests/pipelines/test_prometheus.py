"""``GET /metrics``."""

import uuid

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from prometheus_client.parser import text_string_to_metric_families

from config.http_metrics import LATENCY
from pipelines import engine
from tests.factories import (
    AlertFactory,
    AlertFiringFactory,
    PipelineRunFactory,
    StepRunFactory,
    TestRunFactory,
    UserFactory,
)
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.queries import queries_of_page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def metrics_open(settings: LazySettings) -> None:
    """Without the thousands of samples that other tests' requests left in this process."""
    settings.METRICS_OPEN = True
    LATENCY.clear()


def figures(client: Client) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values, sorted."""
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = text_string_to_metric_families(answer.content.decode())
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


def test_it_is_closed_but_for_a_key_that_may_view_test_runs(client: Client, settings: LazySettings) -> None:
    settings.METRICS_OPEN = False
    user = UserFactory()
    _, key = AuthToken.objects.create(user)
    headers = {"Authorization": f"Bearer {key}"}

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=headers).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_testrun"))
    assert client.get("/metrics", headers=headers).status_code == 200


def test_it_says_how_runs_steps_and_the_record_stand(client: Client) -> None:
    run = PipelineRunFactory()
    PipelineRunFactory(finished=True)
    StepRunFactory(
        pipeline_run=run, status="running", lost_count=2, attempt=1, started_at=timezone.now(),
        lease_token=uuid.uuid4(), lease_expires_at=timezone.now() - timezone.timedelta(minutes=1),
    )  # fmt: skip
    for status, passed in (("passed", True), ("failed", False)):
        TestRunFactory(
            type="ai", status=status, started_at=timezone.now(), validation_passed=passed, cost_usd="0.5",
            latency_ms=1000, model="m",
        )  # fmt: skip

    found = figures(client)

    assert found["irline_database_up",] == 1
    assert (found["irline_runs", "running"], found["irline_runs", "completed"]) == (1, 1)
    assert found["irline_steps", "running"] == found["irline_steps_running",] == 1
    assert found["irline_leases_expired",] == 1
    assert found["irline_leases_lost",] == 2
    assert found["irline_queue_depth",] == found["irline_queue_oldest_seconds",] == 0
    assert (found["irline_test_runs", "ai", "passed"], found["irline_test_runs", "ai", "failed"]) == (1, 1)
    assert found["irline_validation_failures", "ai"] == 1
    assert found["irline_ai_cost_dollars",] == 1
    assert 0.95 < found["irline_test_run_seconds", "0.95", "ai"] < 1.05


def test_a_queue_that_nobody_works_on_is_named(client: Client, settings: LazySettings, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    settings.PIPELINE_EXECUTOR = "distributed"
    engine.start_run(version=building.pipeline({"key": "a"}))

    found = figures(client)

    assert found["irline_queue_depth",] == 1
    assert [key for key in found if key[0] == "irline_queue_oldest_seconds_by_queue"] == [
        ("irline_queue_oldest_seconds_by_queue", "emit")
    ]


def test_alerts_that_are_on_say_whether_they_fire(client: Client) -> None:
    AlertFiringFactory(alert=AlertFactory(name="fires", severity="critical"))
    AlertFiringFactory(alert=AlertFactory(name="is over"), ended_at=timezone.now())
    AlertFactory(name="off", is_enabled=False)

    found = figures(client)

    assert {key: value for key, value in found.items() if key[0] == "irline_alert_firing"} == {
        ("irline_alert_firing", "critical", "fires"): 1,
        ("irline_alert_firing", "is over", "warning"): 0,
    }


def test_requests_are_timed_by_route_and_never_by_address(client: Client) -> None:
    before = figures(client).get(("irline_http_request_seconds_count", "2xx", "GET", "healthz"), 0)
    client.get("/healthz")
    client.get(f"/nothing/{uuid.uuid4()}")
    client.generic("BREW", "/healthz")

    found = figures(client)

    assert found["irline_http_request_seconds_count", "2xx", "GET", "healthz"] == before + 1
    assert found["irline_http_request_seconds_count", "4xx", "GET", "none"] >= 1
    assert found["irline_http_request_seconds_count", "4xx", "healthz", "other"] >= 1


def test_it_costs_the_same_whatever_there_is(client: Client) -> None:
    def queries() -> int:
        return queries_of_page(client, "/metrics")

    before = queries()
    PipelineRunFactory.create_batch(5)
    AlertFactory.create_batch(5)

    assert queries() == before <= 10

"""Alerts: looked at by the command and the workers, kept when they fire, told to a webhook, shown with a preview."""

import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from monitoring import alerts
from monitoring.alerts import check_all, preview
from monitoring.flags import Key, Who, add_rule, set_flag
from monitoring.models import Alert, AlertFiring, TestRun
from pipelines.executors.duties import look_once
from tests.factories import (
    AIPromptFactory,
    AlertFactory,
    AlertFiringFactory,
    MetricDefinitionFactory,
    MetricResultFactory,
    PipelineDefinitionFactory,
    TestRunFactory,
    UserFactory,
)
from tests.waiting import until, waiting_for_locks

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
PASSED, FAILED = TestRun.Status.PASSED, TestRun.Status.FAILED


@pytest.fixture
def logging_on() -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")


@pytest.fixture(autouse=True)
def open_to_all(settings: LazySettings) -> None:
    settings.MONITORING_API_ENABLED = True


def runs(*statuses: str, ago: timedelta = timedelta(minutes=5), **values: Any) -> None:
    for status in statuses:
        TestRunFactory(status=status, started_at=timezone.now() - ago, **values)


def run_command(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("check_alerts", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_it_fires_once_and_is_over_when_all_is_well_again(logging_on: None) -> None:
    alert = AlertFactory(name="Passes", threshold=90)
    runs(PASSED, FAILED)

    assert run_command() == (
        1,
        "FIRES  warning   Passes: pass_rate is 50 of 2, below 90, over 1 hour\n1 of 1 alerts fire; 0 are off\n",
    )
    assert run_command()[0] == 1
    [firing] = AlertFiring.objects.all()
    assert (firing.alert, firing.value, firing.ended_at) == (alert, 50.0, None)
    alert.refresh_from_db()
    assert (alert.value, alert.counted) == (50.0, 2)

    runs(*[PASSED] * 18)
    code, out = run_command()

    assert (code, out.splitlines()[-1]) == (0, "0 of 1 alerts fire; 0 are off")
    firing.refresh_from_db()
    assert firing.ended_at is not None
    assert AlertFiring.objects.count() == 1


@pytest.mark.parametrize(
    ("measure", "comparison", "threshold", "value"),
    [
        ("runs", "below", 5, 4),
        ("failures", "above", 1, 2),
        ("pass_rate", "below", 60, 50),
        ("valid_rate", "below", 60, 50),
        ("p95_ms", "above", 800, 1000),
        ("tokens", "above", 100, 4 * 15),
        ("cost_usd", "above", 0.5, 0.8),
        ("unpriced", "above", 0, 0),
    ],
)
def test_each_measure_of_runs(logging_on: None, measure: str, comparison: str, threshold: float, value: float) -> None:
    AlertFactory(measure=measure, comparison=comparison, threshold=threshold)
    for status, valid in ((PASSED, True), (PASSED, True), (FAILED, False), (TestRun.Status.ERROR, False)):
        runs(status, validation_passed=valid, latency_ms=1000, tokens_in=10, tokens_out=5, cost_usd="0.2", model="m")

    [looked] = check_all()

    assert looked.reading.value == pytest.approx(value, rel=0.05)
    assert looked.firing == (value > threshold if comparison == "above" else value < threshold)


def test_a_metric_is_watched_by_its_results_in_the_window(logging_on: None) -> None:
    metric = MetricDefinitionFactory()
    now = timezone.now()
    for value, passed, ago in ((10, False, 0), (20, True, 0), (None, None, 0), (900, True, 3)):
        result = MetricResultFactory(metric=metric, value=value, passed=passed)
        type(result).objects.filter(pk=result.pk).update(created_at=now - ago * HOUR)
    MetricResultFactory(value=5000)
    common = {"watches": "metric", "metric": metric, "window_hours": 2}
    AlertFactory(name="a", measure="mean", comparison="above", threshold=14, **common)
    AlertFactory(name="b", measure="passed", comparison="below", threshold=50, **common)
    AlertFactory(name="c", measure="results", comparison="below", threshold=4, **common)

    mean, share, results = check_all()

    assert (mean.reading.value, mean.reading.counted, mean.firing) == (15, 2, True)
    assert (share.reading.value, share.firing) == (50, False)
    assert (results.reading.value, results.firing) == (3, True)


def test_it_is_narrowed_to_a_prompt_and_a_model(logging_on: None) -> None:
    prompt = AIPromptFactory()
    AlertFactory(prompt=prompt, model="small", measure="runs", comparison="above", threshold=1)
    runs(PASSED, prompt=prompt, model="small")
    runs(PASSED, prompt=prompt, model="large")
    runs(PASSED, model="small")

    [looked] = check_all()

    assert (looked.reading.value, looked.firing) == (1, False)


def test_it_is_narrowed_to_a_pipeline(logging_on: None) -> None:
    ours, other = PipelineDefinitionFactory(), PipelineDefinitionFactory()
    common = {"pipeline": ours, "comparison": "above"}
    AlertFactory(name="a", measure="runs", threshold=2, **common)
    AlertFactory(name="b", measure="p95_ms", threshold=500, model="small", **common)
    AlertFactory(name="c", measure="runs", threshold=0, watches="quality", **common)
    runs(PASSED, FAILED, pipeline=ours, model="small", latency_ms=100)
    runs(PASSED, pipeline=ours, model="large", latency_ms=9000)
    runs(PASSED, pipeline=ours, ago=2 * HOUR)
    runs(PASSED, pipeline=other)

    counted, slow, quality = check_all()

    assert (counted.reading.value, counted.firing) == (3, True)
    assert slow.reading.value == pytest.approx(100, rel=0.05)
    assert (quality.reading.value, quality.firing) == (0, False)


def test_a_pipelines_preview_is_that_of_its_runs() -> None:
    ours = PipelineDefinitionFactory()
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    for pipeline in (ours, PipelineDefinitionFactory()):
        TestRunFactory(status=FAILED, pipeline=pipeline, started_at=hour - 5 * HOUR + timedelta(minutes=1))

    alert = AlertFactory(pipeline=ours, measure="failures", comparison="above", threshold=0, window_hours=2)
    [fired] = preview(alert, hours=24, now=now).episodes

    assert (fired.began, fired.ended, fired.first.value) == (hour - 4 * HOUR, hour - 2 * HOUR, 1)


def test_one_that_must_last_fires_only_when_it_has(logging_on: None) -> None:
    alert = AlertFactory(name="Passes", hold_minutes=30)
    runs(FAILED)

    code, out = run_command()
    assert (code, out.split()[0]) == (0, "broken")
    alert.refresh_from_db()
    assert alert.broken_since == alert.checked_at
    assert not AlertFiring.objects.exists()

    Alert.objects.update(broken_since=timezone.now() - timedelta(minutes=29))
    assert run_command()[0] == 0
    Alert.objects.update(broken_since=timezone.now() - timedelta(minutes=30))
    assert run_command()[0] == 1
    assert AlertFiring.objects.get().ended_at is None


def test_one_that_is_well_meanwhile_begins_to_wait_anew(logging_on: None) -> None:
    alert = AlertFactory(hold_minutes=30)
    runs(FAILED)
    run_command()
    TestRun.objects.all().delete()

    run_command()

    alert.refresh_from_db()
    assert alert.broken_since is None
    assert not AlertFiring.objects.exists()


def test_a_changed_rule_begins_to_wait_anew(boss: User, client: Client, logging_on: None) -> None:
    alert = AlertFactory(hold_minutes=30, broken_since=timezone.now() - HOUR)
    rule = {"name": "x", "severity": "warning", "is_enabled": "on", "watches": "ai", "measure": "failures"}
    rest = {"comparison": "above", "threshold": "0", "window_hours": "1", "hold_minutes": "30", "at_least": "1"}

    saved = client.post(reverse("admin:monitoring_alert_change", args=[alert.pk]), rule | rest | {"no_data": "ok"})
    runs(FAILED)

    assert saved.status_code == 302
    assert run_command()[0] == 0


def test_one_that_is_switched_off_fires_no_longer(logging_on: None) -> None:
    firing = AlertFiringFactory(alert=AlertFactory(is_enabled=False))

    run_command()

    firing.refresh_from_db()
    assert firing.ended_at is not None


def test_the_page_shows_the_preview_of_a_pipeline_and_refuses_one_for_a_metric(boss: User, client: Client) -> None:
    pipeline = PipelineDefinitionFactory()
    runs(FAILED, ago=3 * HOUR, pipeline=pipeline)
    rule = {"measure": "failures", "comparison": "above", "threshold": "0", "window_hours": "1", "hold_minutes": "0"}
    rest = {"at_least": "1", "no_data": "ok", "pipeline": str(pipeline.pk)}
    address = reverse("admin:monitoring_alert_preview")

    shown = client.get(address, rule | rest | {"watches": "ai"}).content.decode()
    long = client.get(address, rule | rest | {"watches": "ai", "window_hours": "48"}).content.decode()
    metric = client.get(address, rule | rest | {"watches": "metric"}).content.decode()

    assert "failures is 1, above 0, over 1 hour" in shown
    assert "Runs of one pipeline are watched over 24 hours at most." in long
    assert "Only runs have one; leave it empty." in metric


@pytest.mark.parametrize(("no_data", "fired"), [("ok", False), ("fire", True), ("keep", False)])
def test_without_data_it_does_as_it_says(logging_on: None, no_data: str, fired: bool) -> None:
    AlertFactory(no_data=no_data, at_least=3)
    runs(FAILED, FAILED)

    [looked] = check_all()

    assert looked.firing == fired
    assert [each.why for each in AlertFiring.objects.all()] == ["no data for pass_rate over 1 hour"] * fired


def test_keep_stays_firing_without_data(logging_on: None) -> None:
    AlertFiringFactory(alert=AlertFactory(no_data="keep"))

    [looked] = check_all()

    assert looked.firing
    assert AlertFiring.objects.get().ended_at is None


def test_the_webhook_is_told_of_each_beginning_and_end_once(logging_on: None, answering: Any) -> None:
    AlertFactory(name="Passes", severity="critical")
    runs(FAILED)
    webhook, told = answering()

    run_command("--webhook", webhook)
    run_command("--webhook", webhook)
    TestRun.objects.all().delete()
    run_command("--webhook", webhook)
    run_command("--webhook", webhook)

    assert [each["state"] for each in told] == ["firing", "resolved"]
    assert told[0]["text"] == "irline: critical alert “Passes” fires: pass_rate is 0 of 1, below 90, over 1 hour"
    assert told[1]["endedAt"] is not None


def test_a_message_that_was_refused_is_sent_again(logging_on: None, answering: Any) -> None:
    AlertFactory()
    runs(FAILED)
    refusing, refused = answering(status=503)
    webhook, told = answering()

    assert run_command("--webhook", refusing)[0] == 1
    run_command("--webhook", webhook)

    assert len(refused) == len(told) == 1


def test_a_webhook_that_speaks_no_http_leaves_the_looks_as_they_are(logging_on: None, answering: Any) -> None:
    AlertFactory()
    runs(FAILED)
    webhook, _ = answering(raw=b"no HTTP\r\n")

    assert run_command("--webhook", webhook)[0] == 1
    assert AlertFiring.objects.get().told_began is False


def test_the_command_says_what_it_needs() -> None:
    with pytest.raises(CommandError, match="PIPELINE_LOGGING_ENABLED is off"):
        call_command("check_alerts")
    with pytest.raises(CommandError, match="no http or https address"):
        call_command("check_alerts", webhook="ftp://example.com")


def test_a_worker_looks_once_a_minute_and_only_while_runs_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    AlertFactory(no_data="fire")
    monkeypatch.setattr(alerts._Duty, "next_at", 0.0)

    look_once()
    assert not AlertFiring.objects.exists()

    # A canary is when they are needed most.
    pipeline = PipelineDefinitionFactory()
    add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.PIPELINE, target=pipeline, value="on", reason="canary")
    look_once()
    assert AlertFiring.objects.count() == 1
    Alert.objects.update(no_data="ok")
    look_once()
    assert AlertFiring.objects.get().ended_at is None


def test_what_takes_longer_than_a_turn_goes_on_at_the_next(
    logging_on: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings, answering: Any
) -> None:
    settings.ALERT_WEBHOOK, told = answering()
    monkeypatch.setattr(alerts._Duty, "next_at", 0.0)
    monkeypatch.setattr(alerts, "TURN_S", 0.0)
    for name in "abc":
        AlertFactory(name=name, no_data="fire")

    seen = []
    for _ in range(4):
        alerts.check_lately()
        seen.append((AlertFiring.objects.count(), len(told)))

    assert seen == [(1, 0), (2, 0), (3, 0), (3, 1)]
    alerts.tell(settings.ALERT_WEBHOOK)
    assert [each["alert"] for each in told] == ["a", "b"]


def test_one_that_is_switched_off_while_others_are_looked_at_does_not_fire(logging_on: None) -> None:
    AlertFactory(name="a", no_data="fire")
    AlertFactory(name="b", no_data="fire")

    looks = check_all()
    next(looks)
    Alert.objects.filter(name="b").update(is_enabled=False)

    assert list(looks) == []
    assert AlertFiring.objects.get().alert.name == "a"


def test_a_webhook_that_is_named_later_is_told_no_old_news(answering: Any) -> None:
    webhook, told = answering()
    now = timezone.now()
    old, lately, still = (AlertFiringFactory(began_at=now - 90 * HOUR) for _ in range(3))
    AlertFiring.objects.filter(pk=old.pk).update(ended_at=now - 25 * HOUR)
    AlertFiring.objects.filter(pk=lately.pk).update(ended_at=now - 23 * HOUR)

    alerts.tell(webhook)

    assert [each["alert"] for each in told] == [lately.alert.name, still.alert.name]


@pytest.mark.parametrize(
    "wrong",
    [
        {"measure": "score"},
        {"measure": "mean"},
        {"watches": "metric", "measure": "mean"},
        {"watches": "quality", "measure": "score", "model": "m"},
        {"window_hours": 0},
        {"window_hours": 169},
        {"threshold": float("nan")},
        {"threshold": float("inf")},
        {"comparison": "aside"},
        {"hold_minutes": 10_081},
    ],
)
def test_the_database_refuses_a_rule_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertFactory(**wrong)


def test_only_one_firing_is_open_at_a_time() -> None:
    firing = AlertFiringFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        AlertFiringFactory(alert=firing.alert)


def test_the_preview_says_when_it_would_have_fired() -> None:
    alert = AlertFactory(window_hours=2)
    now = timezone.now().replace(minute=30)
    hour = now.replace(minute=0, second=0, microsecond=0)
    TestRunFactory(status=FAILED, started_at=hour - 5 * HOUR + timedelta(minutes=1))

    found = preview(alert, hours=24, now=now)

    [fired] = found.episodes
    assert (fired.began, fired.ended) == (hour - 4 * HOUR, hour - 2 * HOUR)
    assert len(found.readings) == 24
    assert found.readings[-1][0] == hour


def test_a_preview_agrees_with_a_look_at_the_full_hour(logging_on: None) -> None:
    alert = AlertFactory(measure="runs", comparison="above", threshold=3, window_hours=5)
    runs(*[PASSED] * 4, ago=2 * HOUR)
    runs(*[PASSED] * 2, ago=20 * HOUR)

    found = preview(alert, hours=30, now=timezone.now() + HOUR)

    assert max(seen.value or 0 for _, seen in found.readings) == 4
    assert len(found.episodes) == 1


def test_the_form_refuses_in_words_what_the_database_would(boss: User, client: Client) -> None:
    rule = {"name": "x", "severity": "warning", "watches": "metric", "measure": "cost_usd", "comparison": "above"}
    rest = {"threshold": "1", "window_hours": "48", "at_least": "1", "no_data": "ok"}

    page = client.post(reverse("admin:monitoring_alert_add"), rule | rest)

    text = page.content.decode()
    assert "Results of a metric have: results, mean, passed." in text
    assert "Say which metric&#x27;s results to watch." in text
    assert "watched over 24 hours at most" in text
    assert not Alert.objects.exists()


def test_the_page_shows_the_preview_of_the_saved_rule_and_of_the_one_being_written(boss: User, client: Client) -> None:
    alert = AlertFactory()
    runs(FAILED, ago=3 * HOUR)

    saved = client.get(reverse("admin:monitoring_alert_change", args=[alert.pk])).content.decode()
    rule = {"watches": "ai", "measure": "failures", "comparison": "above", "threshold": "0", "window_hours": "1"}
    rest = {"hold_minutes": "0", "at_least": "1", "no_data": "ok"}
    written = client.get(reverse("admin:monitoring_alert_preview"), rule | rest)
    wrong = client.get(reverse("admin:monitoring_alert_preview"), rule | {"threshold": "<b>"})

    assert "pass_rate is 0 of 1, below 90, over 1 hour" in saved
    assert "failures is 1, above 0, over 1 hour" in written.content.decode()
    assert "Enter a number." in wrong.content.decode()
    assert "<b>" not in wrong.content.decode()


@pytest.mark.parametrize("table", ["alert", "alertfiring"])
def test_the_pages_are_hidden_but_from_those_they_are_open_to(
    table: str, boss: User, client: Client, settings: LazySettings
) -> None:
    settings.MONITORING_API_ENABLED = False
    path = reverse(f"admin:monitoring_{table}_changelist")
    assert client.get(path).status_code == 404
    assert path not in client.get("/admin/").content.decode()

    add_rule(key=Key.MONITORING_API_ENABLED, who=Who.USER, target=boss, value="on", reason="canary")
    assert client.get(path).status_code == 200
    assert path in client.get("/admin/").content.decode()


def test_the_preview_asks_for_permission(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))

    assert client.get(reverse("admin:monitoring_alert_preview")).status_code == 403


def test_the_list_costs_the_same_however_many_there_are(
    boss: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(30) as counted:
            assert client.get(reverse("admin:monitoring_alert_changelist")).status_code == 200
        return len(counted)

    AlertFiringFactory()
    first = queries()
    AlertFactory.create_batch(8, prompt=AIPromptFactory())

    assert queries() == first


def test_the_api_tells_alerts_and_firings() -> None:
    user = UserFactory()
    for name in ("view_alert", "view_alertfiring"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    api = APIClient()
    api.force_authenticate(user)
    firing, over = AlertFiringFactory(), AlertFiringFactory(ended_at=timezone.now())
    AlertFactory(name="quiet")

    alerts = api.get("/api/monitoring/alerts", {"firing": "true"}).json()["results"]
    firings = api.get("/api/monitoring/alert-firings", {"open": "false"}).json()["results"]

    assert [(each["id"], each["firing"], each["windowHours"]) for each in alerts] == [(str(firing.alert_id), True, 1)]
    assert [(each["id"], each["alertId"]) for each in firings] == [(str(over.pk), str(over.alert_id))]
    assert len(api.get("/api/monitoring/alerts").json()["results"]) == 3
    refused = api.get("/api/monitoring/alerts", {"firing": "null"})
    assert (refused.status_code, "Give true or false." in refused.content.decode()) == (400, True)


@pytest.mark.django_db(transaction=True)
def test_many_who_look_at_once_begin_one_firing(logging_on: None) -> None:
    AlertFactory(no_data="fire")
    start = threading.Barrier(6)

    def look() -> None:
        start.wait()
        try:
            list(check_all())
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert AlertFiring.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command_waits_for_who_looks_already(logging_on: None) -> None:
    alert = AlertFactory(no_data="fire")
    found: list[tuple[int, str]] = []

    def look() -> None:
        try:
            found.append(run_command())
        finally:
            connection.close()

    command = threading.Thread(target=look)
    with transaction.atomic():
        Alert.objects.select_for_update().get(pk=alert.pk)
        command.start()
        until(waiting_for_locks)
    command.join()

    assert [code for code, _ in found] == [1]
    assert "1 of 1 alerts fire" in found[0][1]

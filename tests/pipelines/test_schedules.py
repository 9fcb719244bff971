"""Runs that start by the clock: once for each time, however many look, and for the latest where nobody looked."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from config.problems import InvalidInput
from monitoring.flags import Key, Who, add_rule, set_flag
from pipelines import cron, engine, schedules
from pipelines.executors import duties
from pipelines.models import PipelineRun, PipelineSchedule
from tests.factories import PipelineScheduleFactory, UserFactory
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.slow_site import PATIENCE, SlowSite

pytestmark = pytest.mark.django_db
several_connections = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    settings.PIPELINE_EXECUTOR = "distributed"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def scheduled(cron: str = "* * * * *", **fields: Any) -> PipelineSchedule:
    """A schedule of a pipeline with one node."""
    version = building.pipeline({"key": "a"})
    return schedules.save_schedule(PipelineSchedule(name="nightly", pipeline=version.pipeline, cron=cron, **fields))


def overdue(schedule: PipelineSchedule, ago: timedelta) -> datetime:
    """Move the schedule's next time into the past, on a whole minute."""
    first = (timezone.now() - ago).replace(second=0, microsecond=0)
    PipelineSchedule.objects.filter(pk=schedule.pk).update(next_run_at=first)
    return first


def test_a_due_time_starts_one_run_with_what_the_schedule_says() -> None:
    user = UserFactory()
    schedule = scheduled(inputs={"n": 1}, params={"a": {"x": 2}}, priority=7, created_by=user)
    slot = overdue(schedule, timedelta(0))

    assert (schedules.fire_due(), schedules.fire_due()) == (1, 0)

    run = PipelineRun.objects.get()
    assert (run.inputs, run.params, run.priority, run.started_by) == ({"n": 1}, {"a": {"x": 2}}, 7, user)
    assert run.run_group_id == schedule.pk
    schedule.refresh_from_db()
    assert (schedule.last_run, schedule.last_slot, schedule.last_missed, schedule.last_error) == (run, slot, 0, None)
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > timezone.now() - timedelta(seconds=5)


def test_a_time_that_has_not_come_starts_nothing() -> None:
    scheduled("30 2 29 2 *")

    assert schedules.fire_due() == 0
    assert not PipelineRun.objects.exists()


def test_of_the_times_that_were_missed_the_latest_alone_runs_and_the_others_are_counted() -> None:
    schedule = scheduled("*/10 * * * *")
    ten_minutes = 600
    now = int(timezone.now().timestamp()) // ten_minutes * ten_minutes
    latest = datetime.fromtimestamp(now, UTC)
    PipelineSchedule.objects.update(next_run_at=latest - timedelta(minutes=50))

    assert schedules.fire_due() == 1

    schedule.refresh_from_db()
    assert PipelineRun.objects.count() == 1
    assert schedule.last_slot is not None
    assert schedule.last_slot - latest in (timedelta(0), timedelta(minutes=10))  # the clock may have struck meanwhile
    assert schedule.last_missed - 5 == (schedule.last_slot - latest) / timedelta(minutes=10)


@several_connections
def test_of_many_who_look_at_once_one_starts_each_time() -> None:
    version = building.pipeline({"key": "a"})
    for n in range(5):
        schedules.save_schedule(PipelineSchedule(name=f"s{n}", pipeline=version.pipeline, cron="30 2 * * *"))
    PipelineSchedule.objects.update(next_run_at=timezone.now() - timedelta(days=2))
    ready, counts = threading.Barrier(6), []

    def look() -> None:
        ready.wait()
        counts.append(schedules.fire_due())
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 5
    groups = PipelineRun.objects.values_list("run_group_id", flat=True)
    assert sorted(groups) == sorted(PipelineSchedule.objects.values_list("pk", flat=True))


@several_connections
def test_one_that_is_held_by_another_worker_is_passed_over() -> None:
    version = building.pipeline({"key": "a"})
    held, free = (
        schedules.save_schedule(PipelineSchedule(name=name, pipeline=version.pipeline, cron="30 2 * * *"))
        for name in ("held", "free")
    )
    PipelineSchedule.objects.update(next_run_at=timezone.now() - timedelta(days=2))
    counts: list[int] = []

    def look() -> None:
        counts.append(schedules.fire_due())
        connection.close()

    with transaction.atomic():
        PipelineSchedule.objects.select_for_update().get(pk=held.pk)
        other = threading.Thread(target=look)
        other.start()
        other.join()

    assert counts == [1]
    assert PipelineRun.objects.get().run_group_id == free.pk


def test_a_run_that_cannot_start_is_noted_and_the_next_schedule_has_its_turn() -> None:
    broken = scheduled(source_url="http://127.0.0.1:9/")
    fine = schedules.save_schedule(PipelineSchedule(name="fine", pipeline=broken.pipeline, cron="* * * * *"))
    overdue(broken, timedelta(minutes=2))
    overdue(fine, timedelta(0))

    assert schedules.fire_due() == 2

    broken.refresh_from_db()
    assert broken.last_run is None
    assert broken.last_error["code"].startswith("url-")
    assert PipelineRun.objects.get().run_group_id == fine.pk


@several_connections
def test_a_slow_page_is_fetched_once_and_holds_nobody_up(settings: Any) -> None:
    settings.DESIGN_ALLOW_PRIVATE_ADDRESSES = True
    with SlowSite() as site, ThreadPoolExecutor() as crew:
        slow = scheduled("30 2 * * *", source_url=site.url)
        free = schedules.save_schedule(PipelineSchedule(name="free", pipeline=slow.pipeline, cron="30 2 * * *"))
        overdue(slow, timedelta(days=2))
        first = crew.submit(look)
        assert site.asked.wait(PATIENCE)
        overdue(free, timedelta(days=2))

        others = [crew.submit(look) for _ in range(5)]

        assert sum(other.result(PATIENCE) for other in others) == 1
        assert PipelineRun.objects.get().run_group_id == free.pk
        with transaction.atomic():
            PipelineSchedule.objects.select_for_update(nowait=True).get(pk=slow.pk)
        site.answers.set()
        assert first.result(PATIENCE) == 1

    slow.refresh_from_db()
    assert site.count == 1
    assert slow.last_run is not None
    assert slow.last_run.inputs == {"source": site.url}
    assert PipelineRun.objects.count() == 2
    assert schedules.fire_due() == 0


@several_connections
def test_a_schedule_that_is_changed_while_its_page_is_fetched_keeps_the_change(settings: Any) -> None:
    settings.DESIGN_ALLOW_PRIVATE_ADDRESSES = True
    with SlowSite() as site, ThreadPoolExecutor() as crew:
        schedule = scheduled("30 2 * * *", source_url=site.url)
        overdue(schedule, timedelta(days=2))
        firing = crew.submit(look)
        assert site.asked.wait(PATIENCE)
        changed = PipelineSchedule.objects.get()
        changed.enabled = False
        schedules.save_schedule(changed)
        site.answers.set()
        assert firing.result(PATIENCE) == 1

    changed.refresh_from_db()
    assert (changed.enabled, changed.next_run_at) == (False, None)
    assert changed.last_run == PipelineRun.objects.get()


def test_a_time_whose_taker_died_is_taken_up_again_and_its_run_is_found() -> None:
    schedule = scheduled("30 2 * * *")
    overdue(schedule, timedelta(days=2))
    PipelineSchedule.objects.update(taken_until=timezone.now() + timedelta(minutes=1))
    assert schedules.fire_due() == 0
    latest = cron.latest_slot(schedule.cron, schedule.timezone, timezone.now())
    key = f"schedule:{schedule.pk}:{latest.isoformat()}"
    started = engine.start_run(version=schedule.pipeline.versions.get(), idempotency_key=key)
    building.pipeline({"key": "z"})

    PipelineSchedule.objects.update(taken_until=timezone.now() - timedelta(seconds=1))

    assert (schedules.fire_due(), schedules.fire_due()) == (1, 0)
    schedule.refresh_from_db()
    assert (schedule.last_run, schedule.taken_until) == (started, None)
    assert PipelineRun.objects.count() == 1


def look() -> int:
    """Fire what is due, on a connection of its own."""
    try:
        return schedules.fire_due()
    finally:
        connection.close()


def test_while_no_pipeline_may_run_a_time_waits() -> None:
    schedule = scheduled()
    overdue(schedule, timedelta(minutes=3))
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")
    assert schedules.fire_due() == 0

    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")

    assert schedules.fire_due() == 1
    schedule.refresh_from_db()
    assert schedule.last_missed == 3


def test_in_a_canary_the_schedules_of_its_pipelines_run_and_the_others_wait() -> None:
    inside = scheduled()
    outside = PipelineSchedule(
        name="other", pipeline=building.pipeline({"key": "b"}, key="other").pipeline, cron="* * * * *"
    )
    for schedule in (schedules.save_schedule(outside), inside):
        overdue(schedule, timedelta(minutes=3))
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")
    add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.PIPELINE, target=inside.pipeline, value="on", reason="canary")

    assert schedules.fire_due() == 1

    assert PipelineRun.objects.get().pipeline == inside.pipeline
    outside.refresh_from_db()
    assert outside.last_error is None
    assert schedules.is_any_due()


def test_the_version_that_is_named_runs_else_the_active_one() -> None:
    schedule = scheduled()
    first = schedule.pipeline.versions.get()
    fixed = schedules.save_schedule(
        PipelineSchedule(name="fixed", pipeline=schedule.pipeline, pipeline_version=first, cron="* * * * *")
    )
    newer = building.pipeline({"key": "a"}, {"key": "b"})
    for each in (schedule, fixed):
        overdue(each, timedelta(0))

    schedules.fire_due()

    ran = dict(PipelineRun.objects.values_list("run_group_id", "pipeline_version"))
    assert ran == {schedule.pk: newer.pk, fixed.pk: first.pk}


@several_connections
def test_a_worker_looks_and_carries_what_it_started() -> None:
    overdue(scheduled(), timedelta(0))

    call_command("worker", once=True, concurrency=1)

    assert PipelineRun.objects.get().status == "completed"
    assert duties.look_once().healed == 0


def test_what_is_switched_off_has_no_next_time() -> None:
    schedule = scheduled(enabled=False)
    assert (schedule.next_run_at, schedules.next_times(schedule)) == (None, [])

    schedule.enabled = True
    schedules.save_schedule(schedule)

    assert schedule.next_run_at is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        PipelineSchedule.objects.update(enabled=False)


def test_only_a_change_of_the_time_moves_the_next_time() -> None:
    schedule = scheduled()
    due = overdue(schedule, timedelta(0))
    schedule.name = "other"
    assert schedules.save_schedule(schedule).next_run_at == due

    schedule.cron = "30 2 29 2 *"

    assert schedules.save_schedule(schedule).next_run_at != due


def test_a_version_of_another_pipeline_is_refused() -> None:
    version, other = building.pipeline({"key": "a"}), building.pipeline({"key": "a"}, key="other")

    with pytest.raises(InvalidInput, match="no version of"):
        schedules.save_schedule(
            PipelineSchedule(name="x", pipeline=version.pipeline, pipeline_version=other, cron="* * * * *")
        )


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True, username="ann"))
    return client


BODY = {"name": "nightly", "pipeline": "example", "cron": "30 2 * * mon-fri", "timezone": "Europe/Berlin"}


def test_over_rest_a_schedule_is_made_read_changed_and_taken_away(api: APIClient) -> None:
    building.pipeline({"key": "a"})

    made = api.post("/api/pipeline-schedules", {**BODY, "params": {"a": {"x": 1}}})

    assert made.status_code == 201, made.json()
    body = made.json()
    assert (body["createdBy"], body["version"], body["enabled"], len(body["nextTimes"])) == ("ann", None, True, 5)
    assert body["nextTimes"][0] == body["nextRunAt"]
    address = f"/api/pipeline-schedules/{body['id']}"
    changed = api.patch(address, {"enabled": False, "version": 1}).json()
    assert (changed["enabled"], changed["version"], changed["nextTimes"]) == (False, 1, [])
    assert api.get(address).json() == changed
    PipelineSchedule.objects.update(created_by=None)
    assert api.patch(address, {"version": None}).json() == {**changed, "createdBy": None, "version": None}
    assert [row["name"] for row in api.get("/api/pipeline-schedules?enabled=false").json()["results"]] == ["nightly"]
    assert api.delete(address).status_code == 204
    assert not PipelineSchedule.objects.exists()


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        ({"cron": "61 * * * *"}, "/cron"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"pipeline": "nothing"}, "/pipeline"),
        ({"version": 9}, "/version"),
        ({"params": {"zz": {}}}, "/params/zz"),
        ({"sourceUrl": "file:///etc/passwd"}, "/sourceUrl"),
        ({"name": "taken"}, "/name"),
    ],
)
def test_over_rest_faults_are_refused_with_their_place(fault: Any, place: str, api: APIClient) -> None:
    pipeline = building.pipeline({"key": "a"}).pipeline
    schedules.save_schedule(PipelineSchedule(name="taken", pipeline=pipeline, cron="* * * * *"))

    answer = api.post("/api/pipeline-schedules", {**BODY, **fault})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == place
    assert PipelineSchedule.objects.count() == 1


def test_whoever_may_read_schedules_may_not_change_them(api: APIClient) -> None:
    schedule = PipelineScheduleFactory()
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_pipelineschedule"))
    api.force_authenticate(user)
    address = f"/api/pipeline-schedules/{schedule.pk}"

    assert api.get(address).status_code == 200
    assert [api.patch(address, {}).status_code, api.delete(address).status_code] == [403, 403]


def test_listing_schedules_costs_the_same_however_many_there_are(api: APIClient) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get("/api/pipeline-schedules").status_code == 200
        return len(captured)

    PipelineScheduleFactory(created_by=UserFactory())
    few = cost()
    for _ in range(10):
        PipelineScheduleFactory(created_by=UserFactory())

    assert cost() == few == 1


def test_in_the_admin_the_page_shows_the_next_five_times(client: Client, boss: User) -> None:
    version = building.pipeline({"key": "a"})
    add = reverse("admin:pipelines_pipelineschedule_add")
    fields = {"name": "nightly", "pipeline": version.pipeline.pk, "timezone": "UTC", "enabled": "on", "priority": 0}

    refused = client.post(add, {**fields, "cron": "61 * * * *", "inputs": "{}", "params": "{}"})
    made = client.post(add, {**fields, "cron": "30 2 * * *", "inputs": "{}", "params": "{}"})

    assert "is no minute" in refused.content.decode()
    schedule = PipelineSchedule.objects.get()
    assert (made.status_code, schedule.created_by) == (302, boss)
    page = client.get(reverse("admin:pipelines_pipelineschedule_change", args=[schedule.pk])).content.decode()
    assert page.count(" 02:30 UTC</div>") == 5

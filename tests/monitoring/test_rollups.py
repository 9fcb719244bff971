"""Figures equal the runs, folded or not, whoever writes and folds meanwhile."""

import random
import statistics
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from monitoring.figures import MOST_GROUPS, Figures, prompt_names, report
from monitoring.histogram import ACCURACY
from monitoring.models import RollupMark, RunRollup, TestRun
from monitoring.rollups import fold_marked, marked_hours
from monitoring.windows import Window
from pipelines.executors.duties import look_once
from tests.factories import AIPromptFactory, TestRunFactory
from tests.waiting import until

AI, QUALITY = TestRun.Type.AI, TestRun.Type.QUALITY
BEGAN = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)  # a Monday
MARCH = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
EVERYTHING = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def ai_run(began: datetime = BEGAN, **values: Any) -> TestRun:
    run: TestRun = TestRunFactory(started_at=began, **values)
    return run


def many_runs(count: int, prompts: list[Any]) -> list[TestRun]:
    """Runs of every kind, spread over ten days of March."""
    chance = random.Random(7)
    runs = [
        TestRun(
            type=AI,
            status=chance.choice(TestRun.Status.values),
            started_at=BEGAN + timedelta(minutes=chance.randrange(10 * 24 * 60)),
            prompt=chance.choice([*prompts, None]),
            model=chance.choice(["small", "large", ""]),
            tokens_in=chance.choice([None, chance.randrange(5000)]),
            tokens_out=chance.randrange(900),
            cost_usd=chance.choice([None, Decimal(chance.randrange(10**6)) / 10**8]),
            latency_ms=chance.choice([None, chance.lognormvariate(7, 2)]),
            validation_passed=chance.choice([None, True, False]),
        )
        for _ in range(count)
    ]
    return TestRun.objects.bulk_create(runs)


def assert_equals_rows(figures: Figures, runs: list[TestRun]) -> None:
    assert figures.count("runs") == len(runs)
    for status, measure in (("running", "running"), ("passed", "passed"), ("failed", "failed"), ("error", "errored")):
        assert figures.count(measure) == sum(run.status == status for run in runs)
    assert figures.count("validated") == sum(run.validation_passed is not None for run in runs)
    assert figures.count("valid") == sum(run.validation_passed is True for run in runs)
    assert figures.tokens("in") == sum(run.tokens_in or 0 for run in runs)
    assert figures.cost_usd == sum((run.cost_usd for run in runs if run.cost_usd is not None), Decimal(0))
    assert figures.count("unpriced") == sum(run.cost_usd is None and run.model != "" for run in runs)
    timed = sorted(run.latency_ms for run in runs if run.latency_ms is not None)
    assert figures.mean_latency_ms == pytest.approx(statistics.fmean(timed))
    for percent in (50, 95, 99):
        exact = timed[-(-percent * len(timed) // 100) - 1]
        assert figures.latency_ms(percent) == pytest.approx(exact, rel=ACCURACY * 1.001, abs=1)


@pytest.mark.django_db
@pytest.mark.parametrize("folded", [False, True])
def test_figures_are_those_of_the_runs(folded: bool) -> None:
    prompts = [AIPromptFactory(), AIPromptFactory()]
    runs = many_runs(400, prompts)
    if folded:
        fold_marked()
        assert not RollupMark.objects.exists()

    by_prompt = report(MARCH, by="prompt", kind=AI)

    assert_equals_rows(by_prompt.total, runs)
    assert by_prompt.groups.keys() == {"", *(str(prompt.pk) for prompt in prompts)}
    for prompt in prompts:
        assert_equals_rows(by_prompt.groups[str(prompt.pk)], [run for run in runs if run.prompt == prompt])
    narrowed = report(MARCH, by="model", kind=AI, prompt_id=prompts[0].pk, model="small")
    assert_equals_rows(narrowed.groups["small"], [r for r in runs if r.prompt == prompts[0] and r.model == "small"])


@pytest.mark.django_db
def test_scores_are_means_over_the_runs_that_have_them() -> None:
    ai_run(type=QUALITY, score_overall=80, score_html=100)
    ai_run(type=QUALITY, score_overall=60)
    fold_marked()
    ai_run(type=QUALITY, score_overall=70)

    total = report(MARCH, by="day", kind=QUALITY).total

    assert (total.score("overall"), total.score("html"), total.score("seo")) == (70, 100, None)
    assert total.count("scored_html") == 1


@pytest.mark.django_db
def test_what_nobody_knows_is_none_not_zero() -> None:
    ai_run(model="small")

    total = report(MARCH, by="day", kind=AI).total

    assert (total.cost_usd, total.tokens("in"), total.mean_latency_ms, total.latency_ms(95)) == (None,) * 4
    assert (total.validation_rate, total.count("unpriced"), total.pass_rate) == (None, 1, 1)


@pytest.mark.django_db
def test_a_late_run_a_changed_one_and_a_deleted_one_count_at_once() -> None:
    run, other = ai_run(status="running"), ai_run(status="failed")
    fold_marked()

    ai_run(status="passed")
    run.status = "passed"
    run.started_at += timedelta(days=1)
    run.save()
    other.delete()

    for _ in range(2):
        found = report(MARCH, by="day", kind=AI)
        assert (found.total.count("runs"), found.total.count("passed"), found.total.count("running")) == (2, 2, 0)
        assert [found.groups[f"2026-03-0{day}T00:00:00Z"].count("runs") for day in (2, 3)] == [1, 1]
        fold_marked()


@pytest.mark.django_db
def test_a_run_that_loses_its_prompt_counts_as_one_without() -> None:
    run = ai_run(prompt=AIPromptFactory())
    fold_marked()
    run.prompt.delete()

    assert report(MARCH, by="prompt", kind=AI).groups.keys() == {""}
    fold_marked()
    assert report(MARCH, by="prompt", kind=AI).groups.keys() == {""}


@pytest.mark.django_db
def test_the_dearest_runs_are_folded() -> None:
    dear = Decimal("99999999.99999999")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO test_run (id, created_at, type, status, started_at, summary, model, cost_usd) "
            "SELECT gen_random_uuid(), now(), 'ai', 'passed', %s, '{}', 'small', %s FROM generate_series(1, 10001)",
            [BEGAN, dear],
        )

    fold_marked()

    assert not RollupMark.objects.exists()
    assert report(MARCH, by="model", kind=AI).groups["small"].cost_usd == 10_001 * dear


@pytest.mark.django_db
@pytest.mark.parametrize("hour", [10, 12])
def test_a_day_under_way_is_its_rollup_and_what_is_not_folded_yet(hour: int) -> None:
    ai_run(latency_ms=10)
    ai_run(BEGAN - timedelta(hours=1), latency_ms=20)
    fold_marked()
    ai_run(BEGAN.replace(hour=hour), latency_ms=30)

    found = report(MARCH, by="day", kind=AI).groups["2026-03-02T00:00:00Z"]

    assert (found.count("runs"), found.mean_latency_ms) == (3, 20)
    assert found.latency_ms(100) == pytest.approx(30, rel=ACCURACY)


@pytest.mark.django_db(transaction=True)
def test_of_a_table_that_is_emptied_nothing_is_told() -> None:
    ai_run()
    fold_marked()
    ai_run()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE test_run CASCADE")

    assert report(MARCH, by="day", kind=AI).total.count("runs") == 0
    assert not RollupMark.objects.exists()


@pytest.mark.django_db
def test_periods_without_a_run_are_there() -> None:
    ai_run()

    weeks = report(MARCH, by="week", kind=AI).groups

    assert list(weeks) == [f"2026-{day}T00:00:00Z" for day in ("02-23", "03-02", "03-09", "03-16", "03-23", "03-30")]
    assert [figures.count("runs") for figures in weeks.values()] == [0, 1, 0, 0, 0, 0]


@pytest.mark.django_db
def test_of_many_groups_those_with_the_most_runs_are_shown() -> None:
    TestRun.objects.bulk_create(
        TestRun(type=AI, status="passed", started_at=BEGAN, model=f"model-{number}")
        for number in range(MOST_GROUPS + 1)
        for _ in range(2 if number == MOST_GROUPS else 1)
    )

    found = report(MARCH, by="model", kind=AI)

    assert (len(found.groups), found.left_out) == (MOST_GROUPS, True)
    assert next(iter(found.groups)) == f"model-{MOST_GROUPS}"
    assert found.total.count("runs") == MOST_GROUPS + 2


@pytest.mark.django_db
def test_an_hour_under_way_is_left_to_its_runs() -> None:
    ai_run(timezone.now())

    assert (marked_hours(), fold_marked()) == (0, 0)
    assert RollupMark.objects.exists()
    assert report(EVERYTHING, by="prompt", kind=AI).total.count("runs") == 1


@pytest.mark.django_db
def test_the_command_folds_what_waits() -> None:
    for day in range(40):
        ai_run(BEGAN + timedelta(days=day))
    out = StringIO()

    call_command("fold_rollups", "--dry-run", stdout=out)
    assert not RunRollup.objects.exists()
    call_command("fold_rollups", stdout=out)

    assert out.getvalue().splitlines() == [
        "hours to fold: 40",
        "days folded: 31",
        "days folded: 40",
        "done; hours left to others: 0",
    ]
    assert RunRollup.objects.filter(grain="day", slice="all").count() == 40


@pytest.mark.django_db
def test_workers_fold_a_day_at_each_look() -> None:
    for day in range(2):
        ai_run(BEGAN + timedelta(days=day))
    ai_run(timezone.now())

    left = []
    for _ in range(3):
        look_once()
        left.append(marked_hours())

    assert left == [1, 0, 0]
    assert set(RunRollup.objects.filter(grain="day", slice="all").values_list("runs", flat=True)) == {1}
    assert RollupMark.objects.count() == 1


@pytest.mark.django_db
def test_prompts_are_named_in_one_query(django_assert_num_queries: Any) -> None:
    prompts = [AIPromptFactory() for _ in range(3)]

    with django_assert_num_queries(1):
        names = prompt_names([str(prompt.pk) for prompt in prompts] + [""])

    assert names == {str(prompt.pk): str(prompt) for prompt in prompts}


@pytest.mark.django_db(transaction=True)
def test_a_run_that_commits_during_a_fold_keeps_its_mark() -> None:
    ai_run()
    written, folded = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            ai_run()
            written.set()
            folded.wait(30)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(30)
    fold_marked()
    seen_before = report(MARCH, by="day", kind=AI).total.count("runs")
    folded.set()
    writer.join(30)

    assert seen_before == 1
    assert report(MARCH, by="day", kind=AI).total.count("runs") == 2
    fold_marked()
    assert report(MARCH, by="day", kind=AI).total.count("runs") == 2


@pytest.mark.django_db(transaction=True)
def test_a_fold_that_is_cut_off_in_the_middle_changes_nothing() -> None:
    ai_run()
    fold_marked()
    ai_run()
    folding = Thread(fold_marked)
    with transaction.atomic():
        list(RunRollup.objects.select_for_update())  # where the fold, its marks taken, has to wait
        folding.start()
        until(lambda: cut_off_waiting() == 1)
        folding.join(30)

    assert isinstance(folding.error, OperationalError)
    assert marked_hours() == 1
    assert report(MARCH, by="day", kind=AI).total.count("runs") == 2
    assert fold_marked() == 1
    assert report(MARCH, by="day", kind=AI).total.count("runs") == 2


def cut_off_waiting() -> int:
    """End the sessions that wait for a lock of this one; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_totals_equal_the_runs_while_several_write_fold_and_read() -> None:
    writing = threading.Event()
    writing.set()
    faults: list[str] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            with transaction.atomic():
                for _ in range(chance.randrange(1, 4)):
                    ai_run(BEGAN + timedelta(hours=chance.randrange(30)), tokens_in=chance.randrange(100))

    def fold() -> None:
        while writing.is_set():
            fold_marked()

    def read() -> None:
        while writing.is_set():
            reported, counted = reported_and_counted()
            if reported != counted:
                faults.append(f"{reported} are not {counted}")

    writers = [Thread(write, seed) for seed in range(3)]
    others = [Thread(fold), Thread(fold), Thread(read)]
    run_all(writers, others, writing)

    assert [thread.error for thread in (*writers, *others) if thread.error] == []
    assert faults == []
    fold_marked()
    assert report(MARCH, by="day", kind=AI).total.count("runs") == TestRun.objects.count()
    assert not RollupMark.objects.exists()


def reported_and_counted() -> tuple[tuple[int, int], tuple[int, int]]:
    """Runs and tokens, as the figures and as the rows have them at one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*), COALESCE(sum(tokens_in), 0) FROM test_run")
        runs, tokens = map(int, cursor.fetchone())
        total = report(MARCH, by="day", kind=AI).total
    return (total.count("runs"), total.tokens("in") or 0), (runs, tokens)


def run_all(writers: list["Thread"], others: list["Thread"], writing: threading.Event) -> None:
    """The others go on until the writers are done."""
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join(60)
    writing.clear()
    for thread in others:
        thread.join(60)


class Thread(threading.Thread):
    """Keeps the error its work ended with, and closes its connection."""

    def __init__(self, work: Any, *args: Any) -> None:
        super().__init__()
        self.work, self.args = work, args
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.work(*self.args)
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.error = error
        finally:
            connection.close()

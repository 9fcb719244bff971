"""``manage.py prune``: bodies go, rows stay."""

import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.canonical import content_hash
from feedback.models import ReviewFeedback, ReviewItem
from ir_schemas.models import IRArtifact
from pipelines.models import PromptData, PromptResult, StepLog
from tests.factories import (
    GroundTruthFactory,
    IRArtifactFactory,
    PromptDataFactory,
    PromptResultFactory,
    ReviewAnswerFactory,
    ReviewFeedbackFactory,
    ReviewItemFactory,
    StepLogFactory,
    StepRunFactory,
)

pytestmark = pytest.mark.django_db
FINISHED = {"step_run__pipeline_run__finished": True}


def prune(*words: str) -> str:
    out = StringIO()
    call_command("prune", *words, stdout=out)
    return out.getvalue()


def old(factory: Any, days: float = 100, **fields: Any) -> Any:
    """A row as it would have been made so many days ago."""
    when = timezone.now() - timedelta(days=days)
    key = uuid.UUID(int=(int(when.timestamp() * 1000) << 80) + uuid.uuid4().int % 2**64)
    return factory(id=key, created_at=when, **fields)


def test_old_lines_of_runs_that_ended_go_whole() -> None:
    ended = StepRunFactory(pipeline_run__finished=True)
    gone = old(StepLogFactory, step_run=ended, message="größer")
    kept = [old(StepLogFactory, step_run=ended, days=1), old(StepLogFactory)]

    assert "logs: 1 lines of 8 bytes would go" in prune("--older-than", "90", "--dry-run")
    assert prune("--older-than", "90", "--only", "logs") == "logs: 1 lines are gone\n"

    assert not StepLog.objects.filter(pk=gone.pk).exists()
    assert set(StepLog.objects.all()) == set(kept)


def test_old_bodies_go_and_what_is_said_of_them_stays() -> None:
    artifact = old(IRArtifactFactory, ir_json={"a": 1}, **FINISHED)
    young = old(IRArtifactFactory, days=1, ir_json={"a": 1}, **FINISHED)
    data = old(PromptDataFactory, prompt="Describe.", context={"a": 1})
    result = old(PromptResultFactory, prompt_data=data, result={"b": 2}, tokens_in=9)

    told = prune("--older-than", "90")

    assert told.splitlines() == [
        *(f"{kind}: 1 bodies are gone" for kind in ("artifacts", "prompts", "results")),
        "logs: 0 lines are gone",
    ]
    for row in (artifact, young, data, result):
        row.refresh_from_db()
    assert (artifact.ir_json, artifact.size_bytes, artifact.content_hash) == (None, 7, content_hash({"a": 1}))
    assert (data.prompt, data.context) == ("", {})
    assert (result.result, result.tokens_in) == (None, 9)
    assert all(row.pruned_at for row in (artifact, data, result))
    assert (young.ir_json, young.pruned_at) == ({"a": 1}, None)
    assert "0 bodies" in prune("--older-than", "90", "--only", "artifacts")


def test_what_a_run_under_way_may_still_read_stays() -> None:
    artifact = old(IRArtifactFactory, ir_json={"a": 1})

    prune("--older-than", "1")

    artifact.refresh_from_db()
    assert artifact.ir_json == {"a": 1}


def reviewed_output(state: str, *verdicts: str) -> tuple[Any, ReviewItem]:
    """An old output of a run, in a queue; that of the step before it is there, too."""
    artifact = old(IRArtifactFactory, ir_json={"a": 1}, **FINISHED)
    before = StepRunFactory(pipeline_run=artifact.step_run.pipeline_run, node_key="before", completed=True)
    old(IRArtifactFactory, ir_json={"before": 1}, step_run=before)
    item = ReviewItemFactory(target_id=artifact.pk, state=state)
    for slot, verdict in enumerate(verdicts, 1):
        correction = {"a": 2} if verdict == "correct" else None
        answer = ReviewAnswerFactory(
            assignment__item=item, assignment__slot=slot, verdict=verdict, correction=correction
        )
        ReviewFeedbackFactory(answer=answer)
    return artifact, item


def kept() -> int:
    return IRArtifact.objects.exclude(ir_json=None).count()


@pytest.mark.parametrize(
    ("state", "verdicts", "stays"),
    [
        ("open", (), True),
        ("disputed", ("accept", "reject"), True),
        ("done", ("reject", "accept"), True),
        ("done", ("correct",), True),
        ("done", ("reject",), False),
        ("withdrawn", (), False),
    ],
)
def test_what_review_still_needs_stays_with_what_it_was_made_of(
    state: str, verdicts: tuple[str, ...], stays: bool
) -> None:
    reviewed_output(state, *verdicts)
    old(IRArtifactFactory, ir_json={"other": 1}, **FINISHED)

    prune("--older-than", "90", "--batch", "1")

    assert kept() == (2 if stays else 0)


def test_what_is_ground_truth_goes_and_what_could_be_where_that_is_said() -> None:
    _, item = reviewed_output("done", "accept")
    reviewed_output("open")
    assert "0 bodies" in prune("--older-than", "90", "--only", "artifacts", "--dry-run")
    assert "2 bodies" in prune("--older-than", "90", "--only", "artifacts", "--dry-run", "--reviewed")
    GroundTruthFactory(feedback=ReviewFeedback.objects.get(answer__assignment__item=item))

    prune("--older-than", "90", "--reviewed")

    assert kept() == 2


def test_a_prompts_result_under_review_stays_with_its_prompt() -> None:
    data = old(PromptDataFactory, prompt="Describe.")
    result = old(PromptResultFactory, prompt_data=data, result={"b": 2})
    old(PromptResultFactory, prompt_data=data, result={"b": 3})
    ReviewItemFactory(kind="prompt_result", target_id=result.pk, step_run=None)

    prune("--older-than", "90")

    data.refresh_from_db()
    result.refresh_from_db()
    assert (data.prompt, result.result) == ("Describe.", {"b": 2})


def test_a_dry_run_only_counts() -> None:
    old(IRArtifactFactory, ir_json={"a": 1}, **FINISHED)

    assert "artifacts: 1 bodies of 7 bytes would go" in prune("--older-than", "90", "--dry-run")
    assert IRArtifact.objects.get().ir_json == {"a": 1}


def test_it_goes_in_batches_to_the_end() -> None:
    for _ in range(5):
        old(PromptResultFactory, prompt_data=PromptDataFactory(), result={"b": 2})

    with CaptureQueriesContext(connection) as queries:
        told = prune("--older-than", "90", "--batch", "2", "--only", "results", "-v", "2")

    assert told.split("\n")[-2] == "results: 5 bodies are gone"
    assert [query["sql"][:6] for query in queries].count("UPDATE") == 3
    assert not PromptResult.objects.exclude(result=None).exists()
    assert not PromptData.objects.exclude(pruned_at=None).exists()


@pytest.mark.parametrize(
    "words", [("--older-than", "0"), ("--older-than", "99999999"), ("--older-than", "9", "--batch", "0")]
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="takes 1 to"):
        prune(*words)

"""Outputs to be reviewed, each with its run, its input, its prompt and two metrics, and queues that hold them."""

import random
from datetime import timedelta
from typing import Any

import benchmark_database  # noqa: F401 - sets Django up
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.utils import timezone

from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from ir_schemas.models import IRArtifact, IRSchema
from ir_schemas.services import activate_version, create_version
from metrics.models import MetricDefinition, MetricResult
from pipelines.models import (
    AIProcess,
    AIPrompt,
    DesignSplit,
    PipelineDefinition,
    PipelineRun,
    PipelineVersion,
    PromptData,
    StepDefinition,
    StepRun,
    StepVersion,
)

PARTS = 100  # of one page
BATCH = 5_000
FIELDS = [{"name": f"field_{n}", "label": f"Field {n}", "type": "text", "default": "All that rolls."} for n in range(8)]
MODULE = {"name": "hero", "label": "Hero", "css": ".hero { display: grid }", "fields": FIELDS}
MARKUP = "<section class='hero'><h2>All that rolls</h2>" + "<p>In a sentence or two.</p>" * 12 + "</section>"
PROMPT = "Make a module of this part. " + "It has a picture and two buttons. " * 40
SCHEMA = {"type": "object", "required": ["module", "renderedHtml"]}


def plant_outputs(count: int) -> None:
    """``count`` modules of 2.5 KB, each made of one part of a page with ``PARTS``."""
    split, make = (StepDefinition.objects.create(key=key, name=key) for key in ("split", "make"))
    first, second = (StepVersion.objects.create(step=step, version=1, handler=step.key) for step in (split, make))
    activate_version(schema=create_version(model=IRSchema, owner=second, schema=SCHEMA))
    pipeline = PipelineDefinition.objects.create(key="pages", name="Pages")
    nodes: list[dict[str, Any]] = [
        {"key": "split", "stepVersionId": str(first.pk)},
        {"key": "make", "stepVersionId": str(second.pk), "dependsOn": ["split"], "forEach": "split.parts"},
    ]
    version = PipelineVersion.objects.create(pipeline=pipeline, version=1, dag={"nodes": nodes})
    prompt = AIPrompt.objects.create(process=AIProcess.objects.create(key="make", name="Make"), version=1, content="?")
    metrics = [
        MetricDefinition.objects.create(key=key, name=key, direction="higher") for key in ("quality", "fidelity")
    ]
    for page in range(0, count, PARTS):
        _plant_page(version, (first, second), prompt, metrics, range(page, min(page + PARTS, count)))


def _plant_page(
    version: PipelineVersion,
    steps: tuple[StepVersion, ...],
    prompt: AIPrompt,
    metrics: list[MetricDefinition],
    numbers: range,
) -> None:
    split, make = steps
    name = f"page-{numbers.start}.html"
    design = DesignSplit.objects.create(name=name, kind="html", entry="index.html", bundle="none.zip", sha256="0" * 64)
    run = PipelineRun.objects.create(
        pipeline_id=version.pipeline_id, pipeline_version=version, design_split=design, dag=version.dag
    )
    parts = {"parts": [{"key": f"p{number}", "html": MARKUP} for number in numbers]}
    done: dict[str, Any] = {"pipeline_run": run, "status": "completed", "attempt": 1, "finished_at": timezone.now()}
    whole = StepRun(step_version=split, node_key="split", **done)
    made = [StepRun(step_version=make, node_key="make", map_index=place, **done) for place in range(len(numbers))]
    StepRun.objects.bulk_create([whole, *made])
    module = {"kind": "hero", "module": MODULE, "renderedHtml": MARKUP}
    IRArtifact.objects.bulk_create([_artifact(whole, parts), *(_artifact(each, module) for each in made)])
    PromptData.objects.bulk_create(PromptData(step_run=each, ai_prompt=prompt, prompt=PROMPT) for each in made)
    MetricResult.objects.bulk_create(
        MetricResult(step_run=each, attempt=1, metric=metric, value=random.random(), passed=True)
        for metric in metrics
        for each in made
    )


def _artifact(step_run: StepRun, document: Any) -> IRArtifact:
    artifact = IRArtifact(
        step_run=step_run, attempt=1, ir_json=document, outcome="valid", is_valid=True, validation_mode="log"
    )
    artifact.weigh(document)
    return artifact


def plant_queue(key: str, count: int, *, reviewers: int = 1) -> ReviewQueue:
    """A queue of the first ``count`` modules, with one question."""
    queue = ReviewQueue.objects.create(key=key, name=key, most_open=count, reviewers_per_item=reviewers)
    ReviewQuestion.objects.create(queue=queue, key="fits", label="Does it fit?")
    rows = IRArtifact.objects.filter(step_run__node_key="make").order_by("pk")
    found = list(rows.values_list("pk", "step_run_id", "step_run__pipeline_run__design_split_id")[:count])
    items = [
        ReviewItem(
            queue=queue,
            kind="ir_artifact",
            target_id=target,
            step_run_id=step_run,
            design_split_id=design,
            title=f"make {number}",
            answers_needed=reviewers,
            free_slots=reviewers,
        )
        for number, (target, step_run, design) in enumerate(found)
    ]
    ReviewItem.objects.bulk_create(items, batch_size=BATCH)
    return queue


def plant_answers(queue: ReviewQueue, reviewers: list[User], each: int) -> None:
    """Every item done, with ``each`` answers of reviewers who agree nine times out of ten."""
    chance = random.Random(queue.key)
    now, items = timezone.now(), list(queue.items.order_by("pk"))
    for begin in range(0, len(items), BATCH):
        assignments = [
            ReviewAssignment(item=item, reviewer=who, slot=slot, state="submitted", claimed_at=now)
            for item in items[begin : begin + BATCH]
            for slot, who in enumerate(chance.sample(reviewers, each), start=1)
        ]
        ReviewAssignment.objects.bulk_create(assignments)
        ReviewAnswer.objects.bulk_create(_answer(chance, assignment) for assignment in assignments)
    queue.items.update(state="done", free_slots=0)


def _answer(chance: random.Random, assignment: ReviewAssignment) -> ReviewAnswer:
    is_bad = (assignment.item.pk.int % 10 == 0) ^ (chance.random() < 0.1)
    verdict, fits = ("reject", "fail") if is_bad else ("accept", "pass")
    took = timedelta(seconds=chance.lognormvariate(3, 1)) / timedelta(milliseconds=1)
    return ReviewAnswer(assignment=assignment, verdict=verdict, answers={"fits": fits}, duration_ms=round(took))


def plant_reviewers(count: int) -> list[User]:
    """Staff who may review, and one more thing: read the agreement of a queue."""
    users = [User(username=f"reviewer{n}", is_staff=True, password="!") for n in range(count)]  # noqa: S106 - unusable
    User.objects.bulk_create(users)
    for permission in Permission.objects.filter(codename__in=("review_item", "curate_review")):
        permission.user_set.set(users)
    return users


def analyse() -> None:
    """As autovacuum would leave the tables."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")

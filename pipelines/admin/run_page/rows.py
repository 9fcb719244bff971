"""The step runs that the run page shows, with all that hangs on each, in a number of queries that does not grow."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.fields.json import KeyTransform
from django.urls import reverse
from django.utils import timezone

from config.admin_base import duration_text, number_text, row_url
from feedback.models import Judge
from feedback.models.judges import METRIC_PREFIX
from ir_schemas.models import OUTCOME_COLOURS, IRArtifact
from metrics.models import MetricResult
from pipelines.admin.ir_views import ModuleView, ScoresView, SplitView, read_module, read_scores, read_split
from pipelines.admin.pictures import is_picture
from pipelines.admin.run_page.chips import Chip, pool_chip, status_chip
from pipelines.admin.run_page.log import Lines, load_lines
from pipelines.judging.calibration import in_words
from pipelines.models import (
    GeneratedArtifact,
    ModuleTemplate,
    PipelineRun,
    PromptResult,
    SplitAsset,
    StepOutputLink,
    StepRun,
    ValidationResult,
)
from pipelines.models.runs import OutputType, StepStatus
from pipelines.spans import last_failure, last_span

MAX_ITEMS = 100
MAX_ROWS = 300
URGENT = (StepStatus.FAILED, StepStatus.WAITING, StepStatus.RUNNING)
MAX_IR_BYTES = 5_000_000
IR_KEYS = (
    "source",
    "parts",
    "boundsSource",
    "kind",
    "subject",
    "scores",
    "overall",
    "grade",
    "findings",
    "findingCount",
)
MODULE_KEYS = ("name", "label", "fields")


@dataclass(frozen=True, slots=True)
class OutputChips:
    """The outputs of one kind: ``label`` names the kind."""

    label: str
    chips: list[Chip]


@dataclass(slots=True)
class StepRow:
    """One ``StepRun`` with all that hangs on it. ``setback`` is why its last attempt is to be repeated."""

    step_run: StepRun
    title: str
    status: Chip
    took: str
    error: Mapping[str, Any] | None
    setback: Mapping[str, Any]
    waits: Chip | None = None
    validity: Chip | None = None
    metrics: list[Chip] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)
    outputs: list[OutputChips] = field(default_factory=list)
    split: SplitView | None = None
    picture_url: str = ""
    has_files: bool = False
    module: ModuleView | None = None
    preview_url: str = ""
    scores: ScoresView | None = None
    log: Lines | None = None

    @property
    def is_open(self) -> bool:
        """Whether what it said is shown at once."""
        return self.step_run.status in (StepStatus.RUNNING, StepStatus.FAILED)

    @property
    def is_counting(self) -> bool:
        """Whether it runs and says how far it is."""
        return self.step_run.status == StepStatus.RUNNING and bool(self.step_run.progress_total)


def load_rows(run: PipelineRun, *, with_log: bool) -> list[StepRow]:
    """At most ``MAX_ROWS``: of a fan-out the first ``MAX_ITEMS`` items, first what failed, waits or runs."""
    rows = {step_run.pk: _row(step_run) for step_run in _shown_step_runs(run)}
    _add_artifacts(rows)
    _add_metrics(rows)
    _add_outputs(rows)
    _add_grades(rows.values())
    for pk, lines in (load_lines(list(rows)) if with_log else {}).items():
        rows[pk].log = lines
    return sorted(rows.values(), key=lambda row: (row.step_run.map_index or 0, row.step_run.pk))


def _shown_step_runs(run: PipelineRun) -> QuerySet[StepRun]:
    few = Q(map_index__isnull=True) | Q(map_index__lt=MAX_ITEMS) | Q(status__in=URGENT)
    step_runs = run.step_runs.filter(few).select_related("step_version__step", "decided_by")
    is_urgent = Case(When(status__in=URGENT, then=0), default=1)
    return step_runs.order_by(is_urgent, F("map_index").asc(nulls_first=True), "id")[:MAX_ROWS]


def _row(step_run: StepRun) -> StepRow:
    span = last_span(step_run) if step_run.status != StepStatus.READY else None
    return StepRow(
        step_run=step_run,
        title=str(step_run),
        status=status_chip(step_run),
        waits=pool_chip(step_run),
        took=duration_text((span.ended or timezone.now()) - span.began if span else None),
        error=step_run.error if isinstance(step_run.error, Mapping) else None,
        setback=last_failure(step_run),
    )


def _add_artifacts(rows: Mapping[uuid.UUID, StepRow]) -> None:
    artifacts: QuerySet[Any] = IRArtifact.objects.filter(step_run__in=rows, attempt=F("step_run__attempt"))
    for artifact in artifacts.defer("ir_json", "validation_errors").annotate(**_ir_parts()):
        row = rows[artifact.step_run_id]
        row.validity = _validity_chip(artifact)
        ir = {key: getattr(artifact, f"ir_{key}") for key in IR_KEYS}
        module = {key: getattr(artifact, f"module_{key}") for key in MODULE_KEYS}
        row.split = read_split(ir["source"], ir["parts"], ir["boundsSource"])
        row.module = read_module(module if module["name"] is not None else None, ir["kind"])
        row.scores = read_scores(ir)
        if row.module is not None:
            row.title = row.module.label or row.title
            run_id = row.step_run.pipeline_run_id
            row.preview_url = reverse("admin:pipelines_pipelinerun_module_preview", args=[run_id, artifact.pk])
        elif row.scores is not None:
            row.title = row.scores.subject or row.title


def _ir_parts() -> dict[str, Any]:
    """Only what is shown is read of the IRs, and nothing of those past ``MAX_IR_BYTES``."""
    paths = {f"ir_{key}": KeyTransform(key, "ir_json") for key in IR_KEYS}
    paths |= {f"module_{key}": KeyTransform(key, KeyTransform("module", "ir_json")) for key in MODULE_KEYS}
    return {name: Case(When(size_bytes__lte=MAX_IR_BYTES, then=value)) for name, value in paths.items()}


def _validity_chip(artifact: IRArtifact) -> Chip:
    text = artifact.get_outcome_display()
    if artifact.error_count:
        text = f"{text}: {artifact.error_count} error{'s' if artifact.error_count > 1 else ''}"
    return Chip(f"IR {text[0].lower()}{text[1:]}", OUTCOME_COLOURS[artifact.outcome], row_url(IRArtifact, artifact.pk))


def _add_metrics(rows: Mapping[uuid.UUID, StepRow]) -> None:
    found = MetricResult.objects.filter(step_run__in=rows, attempt=F("step_run__attempt"))
    results = list(found.select_related("metric").defer("details").order_by("metric__key"))
    notes = _calibrations({result.metric.key for result in results})
    for result in results:
        row = rows[result.step_run_id]
        if result.value is None:
            row.not_measured.append(result.metric.key)
        else:
            row.metrics.append(metric_chip(result, result.value, notes.get(result.metric.key, "")))


def _calibrations(metric_keys: set[str]) -> dict[str, str]:
    """By the metric of each judge among them, how far it agrees with reviewers."""
    keys = {key.removeprefix(METRIC_PREFIX) for key in metric_keys if key.startswith(METRIC_PREFIX)}
    judges = Judge.objects.filter(key__in=keys).only("key", "calibration") if keys else ()
    return {judge.metric_key: in_words(judge.calibration) for judge in judges}


VERDICTS = {True: ("✓ ", "passed", "success"), False: ("✗ ", "failed", "danger"), None: ("", "no verdict", "default")}
PLAIN_UNITS = ("", "ratio")


def metric_chip(result: MetricResult, value: float, note: str = "") -> Chip:
    """A measured value with its verdict in its colour, linked to its row; ``note`` is what else its title says."""
    mark, verdict, colour = VERDICTS[result.passed]
    unit = "" if result.metric.unit in PLAIN_UNITS else f" {result.metric.unit}"
    measured = f"{number_text(value)}{unit}"
    url = row_url(MetricResult, result.pk)
    title = "; ".join(filter(None, (f"{result.metric.name}: {measured}, {verdict}", note)))
    return Chip(f"{mark}{result.metric.key}: {measured}", colour, url, title)


def _add_outputs(rows: Mapping[uuid.UUID, StepRow]) -> None:
    links = list(StepOutputLink.objects.filter(step_run__in=rows).order_by("id"))
    names = _output_names(links)
    by_row: dict[tuple[uuid.UUID, str], list[Chip]] = defaultdict(list)
    for link in links:
        name, stored = names.get((link.target_type, link.target_id), ("", ""))
        if not name:
            continue
        model = OUTPUT_MODELS[link.target_type]
        by_row[link.step_run_id, model._meta.verbose_name_plural.capitalize()].append(
            Chip(name, url=row_url(model, link.target_id))
        )
        if link.target_type == OutputType.GENERATED_ARTIFACT and stored:
            rows[link.step_run_id].has_files = True
        if name.startswith("page ") and is_picture(stored):
            rows[link.step_run_id].picture_url = reverse("admin:pipelines_splitasset_picture", args=[link.target_id])
    for (pk, label), chips in by_row.items():
        rows[pk].outputs.append(OutputChips(label, chips))


OUTPUT_MODELS: dict[str, Any] = {
    model.__name__: model for model in (SplitAsset, ModuleTemplate, GeneratedArtifact, ValidationResult, PromptResult)
}


def _output_names(links: Iterable[StepOutputLink]) -> dict[tuple[str, uuid.UUID], tuple[str, str]]:
    """Name and stored file (or folder) of each target, one query a kind."""
    ids: dict[str, list[uuid.UUID]] = {kind: [] for kind in OUTPUT_MODELS}
    for link in links:
        ids[link.target_type].append(link.target_id)
    names: dict[tuple[str, uuid.UUID], tuple[str, str]] = {}
    for row in SplitAsset.objects.filter(pk__in=ids["SplitAsset"]).only("kind", "order", "storage_url"):
        names["SplitAsset", row.pk] = (f"{row.kind} {row.order}", row.storage_url)
    for pk, name in ModuleTemplate.objects.filter(pk__in=ids["ModuleTemplate"]).values_list("pk", "name"):
        names["ModuleTemplate", pk] = (name, "")
    for artifact in GeneratedArtifact.objects.filter(pk__in=ids["GeneratedArtifact"]).defer("content"):
        names["GeneratedArtifact", artifact.pk] = (str(artifact), artifact.content_url)
    for result in ValidationResult.objects.filter(pk__in=ids["ValidationResult"]).only("validator", "status"):
        names["ValidationResult", result.pk] = (f"{result.validator}: {result.get_status_display().lower()}", "")
    for pk, model in PromptResult.objects.filter(pk__in=ids["PromptResult"]).values_list("pk", "model"):
        names["PromptResult", pk] = (model or "result", "")
    return names


def _add_grades(rows: Iterable[StepRow]) -> None:
    """Give each module's row the scores of the validation whose subject is that module."""
    rows = list(rows)
    scores = {row.scores.subject: row.scores for row in rows if row.scores is not None and row.module is None}
    for row in rows:
        if row.module is not None and row.scores is None:
            row.scores = scores.get(row.module.name) or scores.get(row.module.label)

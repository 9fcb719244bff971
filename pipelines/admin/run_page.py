"""Everything the run page shows, read in a number of queries that does not grow with the run."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, When
from django.db.models.fields.json import KeyTransform
from django.urls import reverse
from django.utils import timezone

from config.admin_base import duration_text, number_text, row_url
from ir_schemas.models import OUTCOME_COLOURS, IRArtifact
from metrics.models import MetricResult
from pipelines.admin.ir_views import ModuleView, ScoresView, SplitView, read_module, read_scores, read_split
from pipelines.admin.pictures import is_picture
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
from pipelines.models.runs import STATUS_COLOURS, StepStatus

MAX_ITEMS = 100
MAX_ROWS = 500
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
class Chip:
    """A short labelled value. ``title`` is the long form for a pointer or a screen reader."""

    text: str
    colour: str = "default"
    url: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class OutputChips:
    """The outputs of one kind: ``label`` names the kind."""

    label: str
    chips: list[Chip]


@dataclass(slots=True)
class StepRow:
    """One ``StepRun`` with all that hangs on it; ``offset`` and ``share`` of the run's time line are in per cent."""

    step_run: StepRun
    title: str
    status: Chip
    took: str
    offset: str
    share: str
    error: Mapping[str, Any] | None
    validity: Chip | None = None
    metrics: list[Chip] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)
    outputs: list[OutputChips] = field(default_factory=list)
    split: SplitView | None = None
    picture_url: str = ""
    module: ModuleView | None = None
    preview_url: str = ""
    scores: ScoresView | None = None


@dataclass(slots=True)
class NodeGroup:
    """A node of the DAG: one row, or one for each item of its fan-out. ``hidden`` counts rows left out here."""

    key: str
    step: str
    counts: list[Chip]
    total: int
    is_fan_out: bool
    rows: list[StepRow]
    list_url: str

    @property
    def hidden(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class RunPage:
    run: PipelineRun
    status: Chip
    took: str
    error: Mapping[str, Any] | None
    failures: list[StepRow]
    groups: list[NodeGroup]
    has_modules: bool
    ir_counts: list[Chip]

    @property
    def state(self) -> str:
        """Changes whenever a step of the run moves."""
        counts = [f"{group.key} {chip.text}" for group in self.groups for chip in group.counts]
        return "; ".join([self.run.status, *counts])


def load_run_page(run: PipelineRun) -> RunPage:
    """``run`` should come with its pipeline version, design and starter selected."""
    shown = _shown_step_runs(run)
    rows = {step_run.pk: _row(run, step_run) for step_run in shown}
    _add_artifacts(rows)
    _add_metrics(rows)
    has_modules = _add_outputs(rows)
    _add_grades(rows.values())
    groups = _groups(run, rows.values())
    return RunPage(
        run=run,
        status=_status_chip(run),
        took=duration_text((run.finished_at or timezone.now()) - run.created_at),
        error=run.error if isinstance(run.error, Mapping) else None,
        failures=[row for row in rows.values() if row.step_run.status == StepStatus.FAILED],
        groups=groups,
        has_modules=has_modules,
        ir_counts=_ir_counts(run),
    )


def _shown_step_runs(run: PipelineRun) -> list[StepRun]:
    """Of a fan-out the first ``MAX_ITEMS`` items, and every one that failed."""
    few = Q(map_index__isnull=True) | Q(map_index__lt=MAX_ITEMS) | Q(status=StepStatus.FAILED)
    step_runs = run.step_runs.filter(few).select_related("step_version__step")
    return list(step_runs.order_by("map_index", "id")[:MAX_ROWS])


def _row(run: PipelineRun, step_run: StepRun) -> StepRow:
    began, ended = step_run.started_at, step_run.finished_at or timezone.now()
    offset, share = _on_time_line(run, began, ended)
    return StepRow(
        step_run=step_run,
        title=step_run.node_key if step_run.map_index is None else f"Item {step_run.map_index + 1}",
        status=_status_chip(step_run),
        took=duration_text(ended - began if began else None),
        offset=offset,
        share=share,
        error=step_run.error if isinstance(step_run.error, Mapping) else None,
    )


def _status_chip(row: PipelineRun | StepRun) -> Chip:
    return Chip(row.get_status_display(), STATUS_COLOURS.get(row.status, "default"))


def _on_time_line(run: PipelineRun, began: datetime | None, ended: datetime) -> tuple[str, str]:
    whole = max((run.finished_at or timezone.now()) - run.created_at, timedelta(milliseconds=1))
    if began is None:
        return "0", "0"
    offset = min(max((began - run.created_at) / whole, 0.0), 1.0)
    share = min(max((ended - began) / whole, 0.005), 1.0 - offset)
    return f"{100 * offset:.2f}", f"{100 * share:.2f}"


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
    results = MetricResult.objects.filter(step_run__in=rows, attempt=F("step_run__attempt"))
    for result in results.select_related("metric").defer("details").order_by("metric__key"):
        row = rows[result.step_run_id]
        if result.value is None:
            row.not_measured.append(result.metric.key)
        else:
            row.metrics.append(_metric_chip(result, result.value))


VERDICTS = {True: ("✓ ", "passed", "success"), False: ("✗ ", "failed", "danger"), None: ("", "no verdict", "default")}
PLAIN_UNITS = ("", "ratio")


def _metric_chip(result: MetricResult, value: float) -> Chip:
    mark, verdict, colour = VERDICTS[result.passed]
    unit = "" if result.metric.unit in PLAIN_UNITS else f" {result.metric.unit}"
    measured = f"{number_text(value)}{unit}"
    url = row_url(MetricResult, result.pk)
    return Chip(f"{mark}{result.metric.key}: {measured}", colour, url, f"{result.metric.name}: {measured}, {verdict}")


def _add_outputs(rows: Mapping[uuid.UUID, StepRow]) -> bool:
    """Put each row's outputs on it. Returns whether any is a generated artifact with files."""
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
        if name.startswith("page ") and is_picture(stored):
            rows[link.step_run_id].picture_url = reverse("admin:pipelines_splitasset_picture", args=[link.target_id])
    for (pk, label), chips in by_row.items():
        rows[pk].outputs.append(OutputChips(label, chips))
    return any(kind == "GeneratedArtifact" and stored for (kind, _), (_, stored) in names.items())


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


def _groups(run: PipelineRun, rows: Iterable[StepRow]) -> list[NodeGroup]:
    order = {key: index for index, key in enumerate(_node_keys(run.dag))}
    by_node: dict[str, list[StepRow]] = defaultdict(list)
    for row in rows:
        by_node[row.step_run.node_key].append(row)
    counts: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, status, count in (
        run.step_runs.order_by("status").values_list("node_key", "status").annotate(n=Count("pk"))
    ):
        counts[key].append((status, count))
    list_url = reverse("admin:pipelines_steprun_changelist")
    return [
        NodeGroup(
            key=key,
            step=str(node_rows[0].step_run.step_version),
            counts=[
                Chip(f"{count} {StepStatus(status).label.lower()}", STATUS_COLOURS[status])
                for status, count in counts[key]
            ],
            total=sum(count for _, count in counts[key]),
            is_fan_out=node_rows[0].step_run.map_index is not None,
            rows=node_rows,
            list_url=f"{list_url}?pipeline_run__id__exact={run.pk}&node_key__exact={key}",
        )
        for key, node_rows in sorted(by_node.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0]))
    ]


def _node_keys(dag: Any) -> list[str]:
    """The keys of a run's frozen DAG, whose nodes stand in topological order."""
    nodes = dag.get("nodes") if isinstance(dag, Mapping) else None
    return [str(node.get("key")) for node in nodes or [] if isinstance(node, Mapping)]


def _ir_counts(run: PipelineRun) -> list[Chip]:
    outcomes = IRArtifact.objects.filter(step_run__pipeline_run=run).order_by("outcome").values_list("outcome")
    return [
        Chip(f"{count} {IRArtifact.Outcome(outcome).label.lower()}", OUTCOME_COLOURS[outcome])
        for outcome, count in outcomes.annotate(n=Count("pk"))
    ]

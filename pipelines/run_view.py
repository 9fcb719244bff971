"""The scheduler's questions about a run, answered from its rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Count, Q, QuerySet

from metrics.models import MetricResult
from pipelines.artifacts import accepted_ir, accepted_irs
from pipelines.conditions import Condition, Verdict, compile_condition, condition_context
from pipelines.dag import Graph, Node, resolve_for_each
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import FINISHED_STEP, StepStatus
from pipelines.scheduling import Item, NodeStatus, RowCounts, node_status


class RowsView:
    """Implements ``scheduling.RunView``. The caller holds the lock of the run's row."""

    def __init__(self, run: PipelineRun, graph: Graph) -> None:
        self.run = run
        self.graph = graph
        self.rows = StepRun.objects.filter(pipeline_run=run).order_by()

    def cancelling(self) -> bool:
        return self.run.cancel_requested_at is not None

    def statuses(self, keys: Collection[str]) -> Mapping[str, NodeStatus]:
        counts: dict[str, dict[str, int]] = {key: {} for key in keys}
        skip_codes: dict[str, str] = {}
        grouped = self.rows.filter(node_key__in=list(keys)).values_list("node_key", "status", "held", "reason_code")
        for key, status, held, code, count in grouped.annotate(count=Count("id")):
            if status == StepStatus.SKIPPED:
                skip_codes[key] = code
            state = "held" if held else status
            counts[key][state] = counts[key].get(state, 0) + count
        return {
            key: node_status(self.graph.node(key), _row_counts(found), skip_code=skip_codes.get(key))
            for key, found in counts.items()
        }

    def has_unsettled_parent(self, node: Node) -> bool:
        parents = self.rows.filter(node_key__in=node.parents)
        if parents.exclude(status__in=FINISHED_STEP).exists():
            return True
        mapped = [key for key in node.parents if self.graph.node(key).for_each is not None]
        if not mapped:
            return False
        return self.rows.filter(node_key__in=mapped).values("node_key").distinct().count() < len(mapped)

    def condition(self, node: Node, decided: Mapping[str, NodeStatus]) -> Verdict:
        condition = compile_condition(node.condition or "")
        return condition.evaluate(self._condition_context(condition, decided))

    def item_count(self, node: Node) -> int:
        if node.for_each is None:
            return 0
        source = self.graph.node(node.for_each.source)
        return len(resolve_for_each(node.for_each, accepted_irs(self.run, [source])))

    def in_flight(self, group: str) -> int:
        return self._of_group(group).filter(status__in=[StepStatus.READY, StepStatus.RUNNING]).count()

    def held(self, group: str, limit: int) -> Sequence[Item]:
        rows = self._of_group(group).filter(held=True).order_by("id").values_list("node_key", "map_index")
        return [Item(*row) for row in rows[:limit]]

    def any_active(self) -> bool:
        active = Q(held=True) | Q(status__in=[StepStatus.WAITING, StepStatus.READY, StepStatus.RUNNING])
        return self.rows.filter(active).exists()

    def any_failed(self) -> bool:
        tolerant = [node.key for node in self.graph.nodes if node.continue_on_fail]
        failed = Q(status=StepStatus.FAILED) & ~Q(node_key__in=tolerant)
        return self.rows.filter(failed | Q(status=StepStatus.CANCELLED)).exists()

    def _of_group(self, group: str) -> QuerySet[StepRun]:
        return self.rows.filter(node_key__in=[node.key for node in self.graph.nodes if node.parallel_group == group])

    def _condition_context(self, condition: Condition, decided: Mapping[str, NodeStatus]) -> dict[str, Any]:
        keys = [key for key in condition.references() if key in self.graph.by_key]
        nodes = [self.graph.node(key) for key in keys]
        statuses = {**self.statuses(keys), **{key: decided[key] for key in keys if key in decided}}
        no_items = {key: [] for key in keys if decided.get(key) is NodeStatus.COMPLETED}
        return condition_context(
            inputs=self.run.inputs,
            status={key: status.shown for key, status in statuses.items() if status.settled},
            ir={node.key: ir for node in nodes if (ir := accepted_ir(self.run, node)) is not None} | no_items,
            metrics=self._metrics(keys),
        )

    def _metrics(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {key: {} for key in keys}
        results = MetricResult.objects.filter(
            step_run__pipeline_run=self.run, step_run__node_key__in=keys, step_run__map_index=None
        ).order_by("attempt")
        for key, metric, value in results.values_list("step_run__node_key", "metric__key", "value"):
            found[key][metric] = value
        return found


def _row_counts(found: Mapping[str, int]) -> RowCounts:
    """A pending row that is not held has not been decided yet, and counts for nothing."""
    return RowCounts(**{state: count for state, count in found.items() if state != StepStatus.PENDING})

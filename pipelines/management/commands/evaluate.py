import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from config import features
from config.commands import ExplainedCommand, require_feature
from config.problems import DomainError
from feedback.models import GroundTruthSet
from pipelines import definitions
from pipelines.review.evaluation import Evaluation, Versus, compare, evaluate

WORSE, BAD_INPUT = 1, 2
SHOWN = 20
SAYS = {"better": "better", "worse": "worse", "equal": "the same", "unclear": "can't tell"}


class Command(ExplainedCommand):
    help = """Run a pipeline over a set of ground truth and say how its outputs compare with the truth.

KEY is a pipeline's key (its active version runs) or KEY@VERSION. With --against another version runs over the same
set too, and each metric is compared item by item: better, worse, the same or can't tell, with the items that changed.
  manage.py evaluate --set home_pages --pipeline design_to_modules
  manage.py evaluate --set home_pages --pipeline design_to_modules@3 --against 2

Exit status: 0, 1 it is worse than --against on some metric, 2 the input could not be used."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--set", required=True, metavar="NAME", dest="set_key", help="the key of the set")
        parser.add_argument("--pipeline", required=True, metavar="KEY[@VERSION]")
        parser.add_argument("--against", type=int, metavar="VERSION", help="compare with this version of the pipeline")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")

    def handle(self, *args: Any, **options: Any) -> None:
        require_feature(features.REVIEW, returncode=BAD_INPUT)
        try:
            found, versus = self._evaluate(options["set_key"], options["pipeline"], options["against"])
        except DomainError as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(report(found, versus)))
        else:
            self._show(found, versus)
        if versus is not None and versus.is_worse:
            sys.exit(WORSE)

    def _evaluate(self, set_key: str, key: str, against: int | None) -> tuple[Evaluation, Versus | None]:
        truth_set = GroundTruthSet.objects.filter(key=set_key).first()
        if truth_set is None:
            known = ", ".join(GroundTruthSet.objects.order_by("key").values_list("key", flat=True)[:SHOWN])
            raise CommandError(f"There is no set {set_key!r}. There are: {known or 'none'}.", returncode=BAD_INPUT)
        version = definitions.active_version(key)
        other = None if against is None else definitions.active_version(f"{key.partition('@')[0]}@{against}")
        found = evaluate(truth_set=truth_set, version=version, observe=self._progress)
        if other is None:
            return found, None
        return found, compare(evaluate(truth_set=truth_set, version=other, observe=self._progress), found)

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {total} inputs")

    def _show(self, found: Evaluation, versus: Versus | None) -> None:
        missing = sum(item.step_run_id is None for item in found.items)
        self.stdout.write(f"{found.version} on {len(found.items)} answers, {missing} without an output:")
        for key, mean in found.means.items():
            self.stdout.write(f"  {key:24} {mean:.3f}{self._compared(key, versus)}")
        if versus is None:
            return
        self.stdout.write(f"Answers that changed: {len({each.truth.pk for each in versus.changes})}")
        for each in versus.changes[:SHOWN]:
            self.stdout.write(f"  {each.old:.3f} -> {each.new:.3f}  {each.metric}  {each.truth}")
        if len(versus.changes) > SHOWN:
            self.stdout.write(f"  and {len(versus.changes) - SHOWN} more; --json has them all")

    def _compared(self, key: str, versus: Versus | None) -> str:
        if versus is None or key not in versus.metrics:
            return ""
        one = versus.metrics[key]
        interval = f"{one.mean_change:+.3f} ({one.low:+.3f} to {one.high:+.3f}), p {one.p:.3g}"
        return f"  {SAYS[one.outcome]}: {interval}, {one.improved} up, {one.worsened} down"


def report(found: Evaluation, versus: Versus | None) -> dict[str, Any]:
    """Everything, as JSON data."""
    told: dict[str, Any] = {
        "version": str(found.version),
        "runGroupId": str(found.run_group_id),
        "means": found.means,
        "items": [
            {
                "groundTruthId": str(item.truth.pk),
                "scope": item.truth.scope,
                "referenceId": item.truth.reference_id,
                "runId": str(item.run_id),
                "stepRunId": str(item.step_run_id) if item.step_run_id else None,
                "scores": item.scores,
            }
            for item in found.items
        ],
    }
    if versus is None:
        return told
    metrics = {
        key: {
            "outcome": one.outcome,
            "items": one.items,
            "improved": one.improved,
            "worsened": one.worsened,
            "meanChange": one.mean_change,
            "interval": [one.low, one.high],
            "p": one.p,
        }
        for key, one in versus.metrics.items()
    }
    changes = [
        {"groundTruthId": str(each.truth.pk), "metric": each.metric, "old": each.old, "new": each.new}
        for each in versus.changes
    ]
    return told | {"against": str(versus.old.version), "metrics": metrics, "changes": changes}

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError

from config import features
from config.commands import ExplainedCommand, require_feature
from config.problems import DomainError
from feedback.models import Evaluation, EvaluationItem
from pipelines.review.evaluating.comparing import changes_of, in_order, pair_of
from pipelines.review.evaluating.named import named
from pipelines.review.evaluating.services import carry, start_evaluation

WORSE, BAD_INPUT = 1, 2
SHOWN = 20


class Command(ExplainedCommand):
    help = """Run a pipeline over a set of ground truth and say how its outputs compare with the truth.

KEY is a pipeline's key (its active version runs) or KEY@VERSION. With --against another version runs over the same
set too, and each metric is compared item by item: better, worse, the same or can't tell, with the items that changed.
With --prompt the pipeline runs with that version of a prompt where it asks the active one.
  manage.py evaluate --set home_pages --pipeline design_to_modules
  manage.py evaluate --set home_pages --pipeline design_to_modules@3 --against 2
  manage.py evaluate --set home_pages --pipeline describe --prompt describe_page@3 --against 2

It is kept, and shown under Evaluations in the admin. One that was interrupted is carried on by the same command.

Exit status: 0, 1 it is worse than --against on some metric, 2 the input could not be used or runs wait for a person."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--set", required=True, metavar="NAME", dest="set_key", help="the key of the set")
        parser.add_argument("--pipeline", required=True, metavar="KEY[@VERSION]")
        parser.add_argument("--prompt", metavar="PROCESS@VERSION", help="have the pipeline ask this prompt")
        parser.add_argument(
            "--against", type=int, metavar="VERSION", help="compare with this version of the pipeline, or of --prompt"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")

    def handle(self, *args: Any, **options: Any) -> None:
        require_feature(features.REVIEW, returncode=BAD_INPUT)
        try:
            evaluation = self._evaluate(options["set_key"], options["pipeline"], options["prompt"], options["against"])
        except DomainError as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal
        if evaluation.status != Evaluation.Status.COMPLETED:
            raise CommandError(_unfinished(evaluation), returncode=BAD_INPUT)
        items = list(evaluation.items.select_related("ground_truth").order_by("pk"))
        if options["json"]:
            self.stdout.write(json.dumps(report(evaluation, items)))
        else:
            self._show(evaluation, items)
        if evaluation.outcome == Evaluation.Outcome.WORSE:
            sys.exit(WORSE)

    def _evaluate(self, set_key: str, pipeline: str, prompt: str | None, against: int | None) -> Evaluation:
        wanted = named(set_key=set_key, pipeline=pipeline, prompt=prompt, against=against)
        return carry(start_evaluation(**wanted).pk, self._progress)

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {total} runs")

    def _show(self, evaluation: Evaluation, items: list[EvaluationItem]) -> None:
        found = evaluation.report or {}
        self.stdout.write(
            f"{evaluation.candidate} on {found['answers']} answers, {found['withoutOutput']} without an output:"
        )
        metrics = found.get("metrics", {})
        for key in in_order(found["means"]):
            self.stdout.write(
                f"  {key:24} {found['means'][key]:.3f}{_compared(metrics[key]) if key in metrics else ''}"
            )
        if not evaluation.baseline:
            return
        changes = list(_changes(items))
        self.stdout.write(f"Answers that changed: {found['changed']}")
        for item, key, old, new in changes[:SHOWN]:
            self.stdout.write(f"  {old:.3f} -> {new:.3f}  {key}  {item}")
        if len(changes) > SHOWN:
            self.stdout.write(f"  and {len(changes) - SHOWN} more; --json has them all")


def _compared(metric: dict[str, Any]) -> str:
    says = Evaluation.Outcome(metric["outcome"]).label.lower()
    low, high = metric["interval"]
    interval = f"{metric['meanChange']:+.3f} ({low:+.3f} to {high:+.3f}), p {metric['p']:.3g}"
    return f"  {says}: {interval}, {metric['improved']} up, {metric['worsened']} down"


def _changes(items: list[EvaluationItem]) -> Iterator[tuple[EvaluationItem, str, float, float]]:
    """``item, metric, old, new`` of each score that changed, those that lost most first."""
    found = [(change, item, key) for item in items for key, change in changes_of(*pair_of(item)).items()]
    for _, item, key in sorted(found, key=lambda each: each[0]):
        old, new = pair_of(item)
        yield item, key, old[key], new[key]


def _unfinished(evaluation: Evaluation) -> str:
    if evaluation.error:
        return f"The evaluation failed. {evaluation.error['message']}"
    if evaluation.is_finished:
        return "The evaluation was cancelled."
    return "Runs of the evaluation wait for a person. Decide there, then give this command again to carry it on."


def report(evaluation: Evaluation, items: list[EvaluationItem]) -> dict[str, Any]:
    """Everything, as JSON data."""
    found = evaluation.report or {}
    told: dict[str, Any] = {
        "evaluationId": str(evaluation.pk),
        "version": evaluation.candidate,
        "runGroupId": str(evaluation.pk),
        "means": found["means"],
        "items": [
            {
                "groundTruthId": str(item.ground_truth_id),
                "scope": item.ground_truth.scope,
                "referenceId": item.ground_truth.reference_id,
                "runId": str(item.run_id),
                "stepRunId": str(item.step_run_id) if item.step_run_id else None,
                "scores": item.scores,
            }
            for item in items
        ],
    }
    if not evaluation.baseline:
        return told
    changes = [
        {"groundTruthId": str(item.ground_truth_id), "metric": key, "old": old, "new": new}
        for item, key, old, new in _changes(items)
    ]
    return told | {"against": evaluation.baseline, "metrics": found["metrics"], "changes": changes}

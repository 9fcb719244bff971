import json
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from config import features
from config.commands import ExplainedCommand, require_feature
from config.problems import DomainError
from feedback.models import Evaluation, GroundTruthSet, Judge, Judgement, ReviewItem, ReviewQueue
from pipelines import definitions
from pipelines.judging.calibration import Report, as_json, in_words, refresh_calibration
from pipelines.judging.sets import SetReport, judge_evaluation, judge_set
from pipelines.judging.telling import told
from pipelines.judging.working import MOST_ITEMS, Limits, Worked, judge_queue, to_judge
from pipelines.review.evaluating.services import RELATIONS

BAD_INPUT = 2
SHOWN = 20
SAYS = {"better": "better", "worse": "worse", "equal": "the same", "unclear": "can't tell"}


class Command(ExplainedCommand):
    help = """Have a judge rate outputs, and say how far it agrees with the reviewers.

A judge is a row (Judges in the admin): a version of a prompt, a provider and a model. Items with an accepted answer are
judged, the newest first; with --waiting those that still wait for answers too. With --set it judges what evaluate has
compared with the set's answers, and with --against compares two versions item by item. What it judged before is left
out, so the command can be interrupted and run again. Without both only its agreement is worked out anew.
  manage.py judge --judge faithful --queue modules --dry-run
  manage.py judge --judge faithful --queue modules --limit 50 --budget 2.50
  manage.py judge --judge faithful --set home_pages --pipeline design_to_modules@3 --against 2
  manage.py judge --judge faithful --evaluation 0190...
  manage.py judge --judge faithful

Exit status: 0, 1 it stopped early because the provider failed or the budget could not be kept, 2 the input could not be
used."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--judge", required=True, metavar="KEY")
        parser.add_argument("--queue", metavar="KEY", help="the queue whose items are judged")
        parser.add_argument("--waiting", action="store_true", help="also items without an accepted answer")
        parser.add_argument("--set", metavar="NAME", dest="set_key", help="the set that --pipeline was evaluated on")
        parser.add_argument("--pipeline", metavar="KEY[@VERSION]", help="with --set: whose outputs are judged")
        parser.add_argument("--against", type=int, metavar="VERSION", help="with --set: compare with this version")
        parser.add_argument("--evaluation", type=UUID, metavar="ID", help="an evaluation whose outputs are judged")
        parser.add_argument("--limit", type=int, default=200, help=f"at most so many (default 200, most {MOST_ITEMS})")
        parser.add_argument("--budget", metavar="USD", help="ask no more once so many US dollars are spent")
        parser.add_argument("--dry-run", action="store_true", help="only say how many would be looked at")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        require_feature(features.REVIEW, returncode=BAD_INPUT)
        judge = Judge.objects.select_related("prompt__process").filter(key=options["judge"]).first()
        if judge is None:
            raise CommandError(_unknown("judge", options["judge"], Judge), returncode=BAD_INPUT)
        if options["dry_run"]:
            self._count(judge, self._queue(options["queue"]), waiting=options["waiting"])
            return
        worked, found = self._work(judge, options)
        report = refresh_calibration(judge)
        if options["json"]:
            self.stdout.write(json.dumps(told(judge, worked, found, report)))
        else:
            self._show(worked, found, report)
        if worked is not None and worked.gave_up:
            raise CommandError(worked.stopped)

    def _queue(self, key: str | None) -> ReviewQueue:
        queue = ReviewQueue.objects.filter(key=key or "").first()
        if queue is None:
            raise CommandError(_unknown("queue", key or "", ReviewQueue), returncode=BAD_INPUT)
        return queue

    def _work(self, judge: Judge, options: dict[str, Any]) -> tuple[Worked | None, SetReport | None]:
        bounds: dict[str, Any] = {
            "limits": _limits(options["limit"], options["budget"]),
            "observe": self._progress,
        }
        named = [options["set_key"], options["queue"], options["evaluation"]]
        if bool(options["set_key"]) != bool(options["pipeline"]) or sum(map(bool, named)) > 1:
            raise CommandError("Name a --queue, a --set with its --pipeline, or an --evaluation.", returncode=BAD_INPUT)
        try:
            if options["evaluation"]:
                return judge_evaluation(judge=judge, evaluation=_evaluation(options["evaluation"]), **bounds)
            if options["set_key"]:
                return judge_set(judge=judge, **_of_set(options), **bounds)
            if options["queue"]:
                queue = self._queue(options["queue"])
                return judge_queue(judge=judge, queue=queue, waiting=options["waiting"], **bounds), None
        except DomainError as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal
        return None, None

    def _progress(self, judgement: Judgement) -> None:
        told = judgement.error["message"] if judgement.error else judgement.reason
        self.stderr.write(f"{judgement} {judgement.kind} {judgement.target_id} {told[:120]}")

    def _count(self, judge: Judge, queue: ReviewQueue, *, waiting: bool) -> None:
        left = to_judge(judge, queue)
        count = left.count() if waiting else left.filter(state=ReviewItem.State.DONE).count()
        self.stdout.write(f"{count} items of {queue.key} would be looked at")

    def _show(self, worked: Worked | None, found: SetReport | None, report: Report) -> None:
        if worked is not None:
            cost = "unknown" if worked.cost is None else f"${worked.cost:f}"
            self.stdout.write(
                f"{worked.scored} scored, {worked.unusable} answers not usable, {worked.failed} without an answer; "
                f"{worked.without_truth} items without ground truth, {worked.gone} outputs gone; cost {cost}"
            )
            if worked.stopped:
                self.stdout.write(worked.stopped)
        if found is not None:
            self._show_set(found)
        figures = as_json(report)
        self.stdout.write(f"It {in_words(figures)}." if figures["items"] else f"There is {in_words(figures)}.")
        (failed_failed, failed_passed), (passed_failed, passed_passed) = report.calibration.table
        self.stdout.write(f"  {'':24}{'judge: fails':>14}{'judge: passes':>15}")
        self.stdout.write(f"  {'reviewers: fails':24}{failed_failed:>14}{failed_passed:>15}")
        self.stdout.write(f"  {'reviewers: passes':24}{passed_failed:>14}{passed_passed:>15}")
        self.stdout.write(f"{report.without_score} outputs have no score, which counts as nothing, not as 0")

    def _show_set(self, found: SetReport) -> None:
        for side in (found.new, found.old):
            if side is not None:
                mean = "no score" if side.mean is None else f"{side.mean:.3f} on average"
                left = f"{side.without_score} without a score, {side.missing} without an evaluated output"
                self.stdout.write(f"{side.name}: {mean}, {len(side.given)} scored, {left}")
        one = found.compared
        if one is not None:
            interval = f"{one.mean_change:+.3f} ({one.low:+.3f} to {one.high:+.3f}), p {one.p:.3g}"
            changed = f"{one.improved} up, {one.worsened} down of {one.items}"
            self.stdout.write(f"By this judge {SAYS[one.outcome]}: {interval}, {changed}")
        elif found.old is not None:
            self.stdout.write("No answer has a score for both versions, so nothing can be compared.")


def _evaluation(key: UUID) -> Evaluation:
    found = Evaluation.objects.filter(pk=key).select_related(*RELATIONS).first()
    if found is None:
        raise CommandError(f"There is no evaluation {key}. The admin lists them.", returncode=BAD_INPUT)
    return found


def _of_set(options: dict[str, Any]) -> dict[str, Any]:
    """The set and the versions that are named. Raises ``CommandError`` and ``DomainError``."""
    truth_set = GroundTruthSet.objects.filter(key=options["set_key"]).first()
    if truth_set is None:
        raise CommandError(_unknown("set", options["set_key"], GroundTruthSet), returncode=BAD_INPUT)
    key, against = options["pipeline"], options["against"]
    other = None if against is None else definitions.active_version(f"{key.partition('@')[0]}@{against}")
    return {"truth_set": truth_set, "version": definitions.active_version(key), "against": other}


def _limits(items: int, budget: str | None) -> Limits:
    if not 1 <= items <= MOST_ITEMS:
        raise CommandError(f"--limit is 1 to {MOST_ITEMS}.", returncode=BAD_INPUT)
    try:
        dollars = None if budget is None else Decimal(budget)
    except InvalidOperation:
        dollars = Decimal("NaN")
    if dollars is not None and not (dollars.is_finite() and dollars > 0):
        raise CommandError("--budget is an amount of US dollars above 0, such as 2.50.", returncode=BAD_INPUT)
    return Limits(items, dollars)


def _unknown(what: str, key: str, model: Any) -> str:
    known = ", ".join(model.objects.order_by("key").values_list("key", flat=True)[:SHOWN])
    return f"There is no {what} {key!r}. There are: {known or 'none'}."

"""What the page of an evaluation shows."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from config.admin_base import duration_text, row_link, row_url
from config.canonical import content_hash
from feedback.admin.ground_truth import short_reference
from feedback.models import Evaluation, EvaluationItem, GroundTruth
from feedback.models.evaluations import OUTCOME_COLOURS, STATUS_COLOURS
from metrics.models import MetricDefinition
from pipelines.admin.evaluation_judges import judges_of
from pipelines.models import PipelineRun
from pipelines.review.evaluating.comparing import changes_of, in_order, pair_of

MOST_ITEMS = 100


def etag_of(evaluation: Evaluation, scored: tuple[int, int]) -> str:
    """Another one whenever the page would look different; ``scored`` is its ``progress``."""
    return f'"{content_hash([evaluation.status, scored])[:32]}"'


def load_page(request: HttpRequest, evaluation: Evaluation, scored: tuple[int, int]) -> dict[str, Any]:
    """Everything for the template. The number of queries does not depend on how many answers there are."""
    done, total = scored
    report = evaluation.report or {}
    may_change = request.user.has_perm("feedback.change_evaluation") and not evaluation.is_finished
    over = evaluation.finished_at or timezone.now()
    items = _items(evaluation)
    return {
        "evaluation": evaluation,
        "etag": etag_of(evaluation, scored),
        "status": _chip(evaluation.get_status_display(), STATUS_COLOURS[evaluation.status]),
        "outcome": evaluation.outcome and _outcome(evaluation.outcome),
        "done": done,
        "total": total,
        "took": duration_text(over - evaluation.created_at),
        "report": report,
        "facts": _facts(evaluation),
        "metrics": _metrics(report),
        "judges": judges_of(evaluation),
        "items": [_item(evaluation, item) for item in items[:MOST_ITEMS]],
        "is_cut": len(items) > MOST_ITEMS,
        "most": MOST_ITEMS,
        "all_items_url": _list("feedback_evaluationitem", evaluation__id__exact=evaluation.pk),
        "all_runs_url": _list("pipelines_pipelinerun", q=evaluation.pk),
        "may_cancel": may_change,
        "may_carry_on": may_change and settings.PIPELINE_EXECUTOR == "inline",
        "again_url": _again(evaluation) if request.user.has_perm("feedback.add_evaluation") else "",
    }


def _facts(evaluation: Evaluation) -> list[tuple[str, Any]]:
    frozen = "frozen" if evaluation.set_was_frozen else "not frozen, so it may have changed since"
    facts: list[tuple[str, Any]] = [
        ("Set", row_link(evaluation.truth_set)),
        ("The set was", frozen),
        ("Pipeline", row_link(evaluation.version)),
    ]
    if evaluation.prompt:
        facts.append(("Prompt", row_link(evaluation.prompt)))
    against = evaluation.baseline_prompt or evaluation.baseline_version
    facts.append(("Compared with", row_link(against) if against else "nothing"))
    facts += [("Started", evaluation.created_at), ("Started by", evaluation.started_by or "a command")]
    return facts


def _metrics(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = dict(MetricDefinition.objects.filter(key__in=report.get("means", ())).values_list("key", "name"))
    rows = []
    for key in in_order(report.get("means", {})):
        row: dict[str, Any] = {"name": names.get(key, key), "mean": f"{report['means'][key]:.3f}"}
        found = report.get("metrics", {}).get(key)
        if found is not None:
            low, high = found["interval"]
            row |= {
                "before": f"{report['baselineMeans'][key]:.3f}",
                "change": f"{found['meanChange']:+.3f}",
                "interval": f"{low:+.3f} to {high:+.3f}",
                "p": f"{found['p']:.2g}",
                "moved": f"{found['improved']} up, {found['worsened']} down, of {found['items']}",
                "verdict": _outcome(found["outcome"]),
            }
        rows.append(row)
    return rows


def _items(evaluation: Evaluation) -> list[EvaluationItem]:
    """With a baseline those that changed, what lost most first; else those that are furthest from their truth."""
    items = evaluation.items.select_related("ground_truth")
    if not evaluation.report:
        return []
    if evaluation.baseline:
        return list(items.exclude(change=0).order_by("change", "pk")[: MOST_ITEMS + 1])
    return list(items.order_by("scores__truth_json_similarity", "pk")[: MOST_ITEMS + 1])


def _item(evaluation: Evaluation, item: EvaluationItem) -> dict[str, Any]:
    old, new = pair_of(item)
    scores = [
        {
            "key": _short(key),
            "text": f"{old[key]:.3f} → {new[key]:.3f}",
            "colour": "success" if change > 0 else "danger",
        }
        for key, change in sorted(changes_of(old, new).items(), key=lambda each: each[1])
    ]
    if not evaluation.baseline:
        scores = [
            {"key": _short(key), "text": f"{score:.3f}", "colour": "default"} for key, score in in_order(new).items()
        ]
    return {
        "link": _answer(item.ground_truth),
        "scores": scores,
        "change": None if item.change is None else f"{item.change:+.3f}",
        "run": _run(item.run_id, item.step_run_id),
        "baseline_run": _run(item.baseline_run_id, item.baseline_step_run_id) if evaluation.baseline else None,
    }


def _answer(truth: GroundTruth) -> Any:
    """A link to it that leaves room for the scores: its reference is a hash, which the title gives whole."""
    told = f"{truth.scope} {short_reference(truth.reference_id)} v{truth.version}"
    link = '<a class="text-link" href="{}" title="{}">{}</a>'
    return format_html(link, row_url(GroundTruth, truth.pk), truth, told)


def _run(run_id: Any, step_run_id: Any) -> dict[str, Any] | None:
    """The address of the run, at the step; and whether it gave no output."""
    if run_id is None:
        return None
    url = row_url(PipelineRun, run_id)
    return {"url": f"{url}#step-{step_run_id}" if step_run_id else url, "is_empty": step_run_id is None}


def _short(key: str) -> str:
    return key.removeprefix("truth_").replace("_", " ")


def _outcome(outcome: str) -> dict[str, str]:
    return _chip(Evaluation.Outcome(outcome).label, OUTCOME_COLOURS[outcome])


def _chip(text: str, colour: str) -> dict[str, str]:
    return {"text": text, "colour": colour}


def _list(model: str, **query: Any) -> str:
    return reverse(f"admin:{model}_changelist", query=query)


def _again(evaluation: Evaluation) -> str:
    names = ("truth_set", "version", "prompt", "baseline_version", "baseline_prompt")
    given = {name: getattr(evaluation, f"{name}_id") for name in names}
    return reverse("admin:feedback_evaluation_add", query={name: pk for name, pk in given.items() if pk})

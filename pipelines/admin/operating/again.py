"""The page that runs an earlier run again: what it would keep, what it would run, and the question whether to."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from config.problems import DomainError
from pipelines import engine, reruns
from pipelines.admin.dag_picture import Look, Picture, draw
from pipelines.admin.operating.access import require_operator, run_url, show, why_no_run
from pipelines.admin.operating.forms import EVERYTHING, WHAT_FAILED, RerunForm, ScopeForm
from pipelines.admin.operating.runs import run_of
from pipelines.admin.run_page import Tally, load_tallies, together
from pipelines.dag import Graph
from pipelines.definitions import readable_graph
from pipelines.executors import carry_on
from pipelines.models import PipelineRun
from pipelines.models.runs import StepStatus
from pipelines.rerun_plan import Plan

UNREADABLE = (
    "Today's rules refuse the DAG of this run, so it cannot run again. Start a new run of its pipeline instead."
)


def rerun_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Run again what ``?scope=`` names: a node and all below it, ``*`` everything, else what failed."""
    user = require_operator(request)
    run = run_of(admin, request, pk)
    graph = readable_graph(run)
    if graph is None:
        messages.error(request, UNREADABLE)
        return redirect(run_url(run))
    tallies = load_tallies(run)
    choice = ScopeForm(graph, {"scope": request.GET.get("scope", _usual_scope(tallies))})
    named = _named(graph, choice.cleaned_data["scope"]) if choice.is_valid() else None
    form = RerunForm(request.POST or None)
    if request.method == "POST" and choice.is_valid() and form.is_valid():
        made = _rerun(form, run, named, user)
        if made is not None:
            _tell(admin, request, made)
            return redirect(run_url(made))
    plan = _plan(run, named, tallies, graph) if choice.is_valid() else {}
    refused = why_no_run(request, run.pipeline)
    context = {"run": run, "choice": choice, "form": form, "refused": refused, **plan}
    return show(admin, request, "rerun", title=f"Run {run.pipeline_version} again", **context)


def _usual_scope(tallies: Mapping[str, Tally]) -> str:
    ended_badly = (StepStatus.FAILED, StepStatus.CANCELLED)
    return WHAT_FAILED if any(each.counts.get(s) for each in tallies.values() for s in ended_badly) else EVERYTHING


def _named(graph: Graph, scope: str) -> list[str] | None:
    if scope == WHAT_FAILED:
        return None
    return [node.key for node in graph.nodes if not node.parents] if scope == EVERYTHING else [scope]


def _rerun(form: RerunForm, run: PipelineRun, named: Sequence[str] | None, user: User) -> PipelineRun | None:
    params = form.cleaned_data["params"]
    try:
        made = engine.rerun(run_id=run.pk, from_nodes=named, params=params, started_by=user, idempotency_key=form.key)
    except DomainError as error:
        form.refuse(error)
        return None
    carry_on(made.pk)
    return made


def _tell(admin: Any, request: HttpRequest, run: PipelineRun) -> None:
    if run.is_replay:
        messages.info(request, "This rerun had been started already; no second one was.")
        return
    admin.log_addition(request, run, f"Started as a rerun of {run.rerun_of_id}.")
    messages.success(request, "The rerun has started. This page follows it.")


def _plan(run: PipelineRun, named: Sequence[str] | None, tallies: Mapping[str, Tally], graph: Graph) -> dict[str, Any]:
    """What would run, in words and as a picture; or why nothing would."""
    try:
        plan = reruns.preview(run=run, from_nodes=named)
    except DomainError as error:
        return {"nothing": error.message}
    again = {*plan.anew, *(item.node_key for item in plan.again)}
    return {
        "again": sum(node.key in again for node in graph.nodes),
        "kept": sum(node.key not in again for node in graph.nodes),
        "waits_at": [node.key for node in graph.nodes if node.approval and node.key in again],
        "picture": _picture(graph, plan, tallies),
    }


def _picture(graph: Graph, plan: Plan, tallies: Mapping[str, Tally]) -> Picture:
    items = Counter(item.node_key for item in plan.again)
    whole = set(plan.anew)

    def look_of(keys: tuple[str, ...]) -> Look:
        again = [key for key in keys if key in whole or items[key]]
        if not again:
            is_skipped = together(tallies, keys).state == StepStatus.SKIPPED
            return Look("Stays skipped", "skip_next") if is_skipped else Look("Reused", "bolt", "success")
        if len(keys) > 1:
            return Look(f"{len(again)} of {len(keys)} run again", "replay", "info")
        part = f": {items[keys[0]]:,} of {tallies[keys[0]].total:,} items" if keys[0] not in whole else ""
        return Look(f"Runs again{part}", "replay", "info")

    return draw(graph, look_of)

"""Whether a version may be made active: not worse than the active one, where a gate asks for that.

An evaluation counts when it compares exactly this version with the one that is active now, on the gate's set as it was
frozen. The latest one counts. Gates hold for everybody as soon as REVIEW_ENABLED is on for anybody; while it is on for
nobody they rest, as no evaluation can be made.
"""

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pghistory
from django.contrib.auth.models import User
from django.db.models import QuerySet

from config.problems import DomainError, InvalidInput
from feedback.models import ActivationGate, Evaluation
from feedback.models.gates import OVERRIDE
from metrics.documents import COMPARATORS
from monitoring import flags
from pipelines.models import AIPrompt, PipelineVersion

MOST_REASON = 500


class GateRefused(DomainError):
    """A gate does not let the version become active; ``errors`` has ``{path, message, hint}`` of each, by its set."""

    code = "activation-gate-refused"


class MayNotOverride(DomainError):
    code = "gate-override-not-permitted"


@dataclass(frozen=True, slots=True)
class Compared:
    """What is to become active beside what is active; ``query`` finds and begins their evaluations."""

    candidate: str
    active: str
    query: dict[str, Any]
    command: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says. ``message`` is empty where it lets the version pass; ``hint`` is what to do else."""

    gate: ActivationGate
    compared: Compared
    evaluation: Evaluation | None
    message: str = ""
    hint: str = ""

    @property
    def evaluate_query(self) -> str:
        """Of the page that begins the evaluation that it asks for."""
        rows = {"truth_set": self.gate.truth_set, **self.compared.query}
        return urlencode({name: row.pk for name, row in rows.items() if row is not None})


def verdicts_on_version(version: PipelineVersion, active: PipelineVersion | None) -> list[Verdict]:
    """Of each gate of the pipeline; none where nothing else is active, as there is nothing to compare with."""
    if active is None or active.pk == version.pk:
        return []
    gates = _gates(pipeline=version.pipeline_id, process=None)
    compared = Compared(
        candidate=str(version),
        active=str(active),
        query={"version": version, "baseline_version": active, "prompt": None, "baseline_prompt": None},
        command=f"--pipeline {version} --against {active.version}",
    )
    return [_judge(gate, compared) for gate in gates]


def verdicts_on_prompt(prompt: AIPrompt, active: AIPrompt | None) -> list[Verdict]:
    """As ``verdicts_on_version``; the pipeline's active version must have asked both."""
    if active is None or active.pk == prompt.pk:
        return []
    found = []
    for gate in _gates(process=prompt.process_id):
        runs = PipelineVersion.objects.filter(pipeline=gate.pipeline_id, is_active=True).first()
        compared = Compared(
            candidate=str(prompt),
            active=str(active),
            query={"version": runs, "baseline_version": runs, "prompt": prompt, "baseline_prompt": active},
            command=f"--pipeline {gate.pipeline} --prompt {prompt} --against {active.version}",
        )
        found.append(_judge(gate, compared))
    return found


def guards_prompts(process_id: uuid.UUID) -> bool:
    """Whether a gate guards the process's prompts now."""
    return _gates(process=process_id).exists() and in_force()


def guards_version(version: PipelineVersion) -> bool:
    """Whether a gate compares others with this version, as it is the active one: then it stays as it is."""
    return version.is_active and _gates(pipeline=version.pipeline_id, process=None).exists() and in_force()


def enforce(
    verdicts: Sequence[Verdict], *, by: User | None, override_reason: str = ""
) -> AbstractContextManager[object]:
    """Raises ``GateRefused`` unless every gate lets it pass, or one who may override them says why.

    Activate within what is returned, so that the rows' histories keep the reason. The caller holds the lock under which
    it found what is active. Raises ``MayNotOverride``, and ``InvalidInput`` for too long a reason.
    """
    refused = [verdict for verdict in verdicts if verdict.message]
    if not refused or not in_force():
        return nullcontext()
    reason = override_reason.strip()
    if not reason:
        raise _refusal(refused)
    if len(reason) > MOST_REASON:
        raise InvalidInput(f"A reason has at most {MOST_REASON} characters.")
    if by is None or not by.has_perm(OVERRIDE):
        raise MayNotOverride(f"Only who holds {OVERRIDE} may make active what a gate refuses.")
    overridden = [str(verdict.gate) for verdict in refused]
    return pghistory.context(reason=f"Gate overridden: {reason}", overridden=overridden, user=by.pk)


def in_force() -> bool:
    """Whether gates hold at all.

    A canary's gates are not for the canary's users to keep alone: whoever else could make anything active.
    """
    return flags.is_on_for_some(flags.Key.REVIEW_ENABLED)


def _gates(**filters: Any) -> QuerySet[ActivationGate]:
    found = ActivationGate.objects.filter(enabled=True, **filters).order_by("pk")
    return found.select_related("pipeline", "process", "truth_set")


def _judge(gate: ActivationGate, compared: Compared) -> Verdict:
    evaluations = Evaluation.objects.filter(
        **compared.query, truth_set=gate.truth_set_id, set_was_frozen=True, status=Evaluation.Status.COMPLETED
    )
    evaluation = evaluations.order_by("-pk").first()
    message = _why(gate, compared, evaluation)
    make = f"manage.py evaluate --set {gate.truth_set} {compared.command}, or Evaluations in the admin"
    if evaluation is None:
        hint = f"Make one: {make}."
    else:
        hint = f"Its evaluation is {evaluation.pk}. To measure again: {make}."
    return Verdict(gate, compared, evaluation, message, hint if message else "")


def _why(gate: ActivationGate, compared: Compared, evaluation: Evaluation | None) -> str:
    """Why the gate refuses; empty where it does not."""
    if evaluation is None:
        return (
            f"No completed evaluation on the frozen set {gate.truth_set} compares {compared.candidate} with "
            f"{compared.active}, which is active."
        )
    report: Any = evaluation.report
    if report["answers"] < gate.minimum_items:
        return f"On the set {gate.truth_set} {report['answers']} answers were compared; it takes {gate.minimum_items}."
    by_outcome: dict[str, list[str]] = {}
    for key in (key for key in COMPARATORS if key in report["metrics"]):
        by_outcome.setdefault(report["metrics"][key]["outcome"], []).append(key)
    if worse := by_outcome.get("worse"):
        return f"On the set {gate.truth_set} it is worse than {compared.active} by {', '.join(worse)}."
    unclear = by_outcome.get("unclear") if gate.when_unclear == ActivationGate.Unclear.REFUSE else None
    if unclear:
        return (
            f"On the set {gate.truth_set} it can't be told from {compared.active} by {', '.join(unclear)}, which this "
            "gate counts as worse."
        )
    return ""


def _refusal(refused: Sequence[Verdict]) -> GateRefused:
    first = refused[0]
    more = f" {len(refused) - 1} more gates refuse it too." if len(refused) > 1 else ""
    errors = [
        {"path": str(verdict.gate.truth_set), "message": verdict.message, "hint": verdict.hint} for verdict in refused
    ]
    message = f"{first.compared.candidate} is not made active. {first.message} {first.hint}{more}"
    return GateRefused(message, errors=errors)

"""Gates, made and changed."""

from django.db import transaction

from config.problems import InvalidInput
from feedback.models import ActivationGate
from pipelines import definitions
from pipelines.models import PipelineDefinition, PipelineVersion
from pipelines.review.evaluating.sides import Side, asking_nodes


@transaction.atomic
def save_gate(gate: ActivationGate) -> ActivationGate:
    """Check a gate that is new or was changed, and keep it.

    Raises ``InvalidInput`` for a set that is not frozen or too small and for a second gate, ``NotEvaluable`` where no
    node of the active version gives the set's answers or asks the process's active prompt, and ``NoActiveVersion``.
    """
    PipelineDefinition.objects.select_for_update().get(pk=gate.pipeline_id)
    truth_set = gate.truth_set
    same = ActivationGate.objects.filter(pipeline=gate.pipeline, process=gate.process, truth_set=truth_set)
    if same.exclude(pk=gate.pk).exists():
        raise InvalidInput(f"There is a gate of {gate} already. Change that one.")
    if truth_set.frozen_at is None:
        raise InvalidInput(f"Freeze the set {truth_set} first: a gate compares on what stays as it is.")
    held = truth_set.items.count()
    if held < gate.minimum_items:
        raise InvalidInput(f"The set {truth_set} holds {held} answers, so it can't compare {gate.minimum_items}.")
    active = PipelineVersion.objects.filter(pipeline=gate.pipeline, is_active=True).first()
    if gate.enabled and active is not None:
        Side("", active, None).check_scopes(set(truth_set.items.values_list("scope", flat=True)))
    if gate.process is not None:
        asking_nodes(definitions.active_version(gate.pipeline.key), gate.process)
    gate.save()
    return gate

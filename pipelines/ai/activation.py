"""Which prompt of a process is asked: kept, changed and made active under the process's lock and its gates."""

from django.contrib.auth.models import User
from django.db import transaction

from pipelines import gates
from pipelines.ai.prompts import active_prompts
from pipelines.models import AIProcess, AIPrompt


@transaction.atomic
def save_prompt(prompt: AIPrompt, *, by: User | None = None) -> AIPrompt:
    """Keep a prompt that is new or was changed.

    Where another one is the active one afterwards, the gates of its process must let that one pass: ``GateRefused``.
    """
    AIProcess.objects.select_for_update().get(pk=prompt.process_id)
    before = active_prompts(prompt.process.key).first()
    prompt.save()
    _check(before, active_prompts(prompt.process.key).first(), by)
    return prompt


@transaction.atomic
def activate_prompt(prompt: AIPrompt, *, by: User | None = None) -> AIPrompt:
    """Make this the one that is asked, in place of the default there was. Raises ``GateRefused``."""
    AIProcess.objects.select_for_update().get(pk=prompt.process_id)
    before = active_prompts(prompt.process.key).first()
    AIPrompt.objects.filter(process=prompt.process_id, is_default=True).exclude(pk=prompt.pk).update(is_default=False)
    AIPrompt.objects.filter(pk=prompt.pk).update(is_active=True, is_default=True)
    prompt.refresh_from_db()
    _check(before, prompt, by)
    return prompt


def _check(before: AIPrompt | None, after: AIPrompt | None, by: User | None) -> None:
    if before is None or before == after:
        return
    if after is not None:
        gates.enforce(gates.verdicts_on_prompt(after, before), by=by)
    elif gates.guards_prompts(before.process_id, by):
        raise gates.GateRefused(
            f"A gate guards the prompts of {before.process}, so one of them stays active. Make another one active."
        )

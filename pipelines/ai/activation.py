"""Which prompt of a process is asked: kept, changed and made active under the process's lock and its gates."""

from django.contrib.auth.models import User
from django.db import transaction

from pipelines import gates
from pipelines.ai.prompts import active_prompts
from pipelines.errors import PromptFixed
from pipelines.models import AIProcess, AIPrompt

FIXED = ("process_id", "version", "content")


@transaction.atomic
def save_prompt(prompt: AIPrompt, *, by: User | None = None) -> AIPrompt:
    """Keep a prompt that is new or was changed.

    Where another one is the active one afterwards, the gates of its process must let that one pass. Raises
    ``GateRefused``, also for other words of the one that a gate compares others with, and ``PromptFixed`` for other
    words of one that was asked or evaluated.
    """
    kept = AIPrompt.objects.select_related("process").filter(pk=prompt.pk).first()
    before = _lock(prompt.process, *([kept.process] if kept else []))
    if kept is not None and any(getattr(kept, name) != getattr(prompt, name) for name in FIXED):
        _refuse_change(kept, is_asked=kept in before.values())
    prompt.save()
    _check(before, by)
    return prompt


@transaction.atomic
def delete_prompt(prompt: AIPrompt, *, by: User | None = None) -> None:
    """Raises ``GateRefused`` for the one that a gate compares others with, ``ProtectedError`` once it was asked."""
    before = _lock(prompt.process)
    AIPrompt.objects.get(pk=prompt.pk).delete()  # the caller's row stays whole where this is refused
    _check(before, by)


@transaction.atomic
def activate_prompt(prompt: AIPrompt, *, by: User | None = None, override_reason: str = "") -> AIPrompt:
    """Make this the one that is asked, in place of the default there was.

    Raises ``GateRefused`` where a gate does not let it pass, and ``MayNotOverride``.
    """
    before = _lock(prompt.process)[prompt.process]
    with gates.enforce(gates.verdicts_on_prompt(prompt, before), by=by, override_reason=override_reason):
        others = AIPrompt.objects.filter(process=prompt.process_id, is_default=True).exclude(pk=prompt.pk)
        others.update(is_default=False)
        AIPrompt.objects.filter(pk=prompt.pk).update(is_active=True, is_default=True)
    prompt.refresh_from_db()
    return prompt


def is_guarded(prompt: AIPrompt) -> bool:
    """Whether it is the one that a gate compares others with."""
    return active_prompts(prompt.process.key).first() == prompt and gates.guards_prompts(prompt.process_id)


def _lock(*processes: AIProcess) -> dict[AIProcess, AIPrompt | None]:
    """Hold the processes, always in the same order; returns the prompt that each asks now."""
    held = AIProcess.objects.select_for_update().filter(pk__in={each.pk for each in processes}).order_by("pk")
    return {process: active_prompts(process.key).first() for process in held}


def _refuse_change(kept: AIPrompt, *, is_asked: bool) -> None:
    if kept.data.exists() or kept.evaluations.exists():
        raise PromptFixed(f"{kept} was asked or evaluated, so its words stay as they are. Add the next version.")
    if is_asked and gates.guards_prompts(kept.process_id):
        raise gates.GateRefused(
            f"{kept} is the active one and a gate compares others with it, so its words stay. Add the next version."
        )


def _check(before: dict[AIProcess, AIPrompt | None], by: User | None) -> None:
    for process, asked in before.items():
        after = active_prompts(process.key).first()
        if asked is None or asked == after:
            continue
        if after is not None:
            gates.enforce(gates.verdicts_on_prompt(after, asked), by=by)
        elif gates.guards_prompts(process.pk):
            raise gates.GateRefused(
                f"A gate guards the prompts of {process}, so one of them stays active. Make another one active."
            )

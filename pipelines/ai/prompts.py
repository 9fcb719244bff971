"""Which version of a prompt a step means."""

from django.db.models import QuerySet

from pipelines.models import AIPrompt
from pipelines.steps.contract import StepError


def find_prompt(reference: str) -> AIPrompt:
    """``key@version`` is that version; ``key`` the active one: the default among several, then the latest.

    Raises ``StepError`` where there is none.
    """
    key, _, version = reference.partition("@")
    prompts = AIPrompt.objects.select_related("process").filter(process__key=key)
    if version:
        found = prompts.filter(version=int(version)).first()
        remedy = "Make it under Prompts, or name one that exists."
    else:
        found = active_prompts(key).first()
        remedy = "Make a version of it active under Prompts, or name one as key@version."
    if found is None:
        what = f"version {version}" if version else "active version"
        raise StepError("prompt-unknown", f"There is no {what} of a prompt of the AI process {key!r}. {remedy}")
    return found


def active_prompts(key: str) -> QuerySet[AIPrompt]:
    """The active ones of a process; the first is the one that is asked."""
    prompts = AIPrompt.objects.filter(process__key=key, is_active=True).select_related("process")
    return prompts.order_by("-is_default", "-version")

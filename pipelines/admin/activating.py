"""What the pages share that make a version of a pipeline, or of a prompt, the one in force."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest

from config import features
from config.problems import DomainError
from feedback.models.gates import OVERRIDE
from pipelines.gates import MOST_REASON, Verdict, in_force


def refusal(request: HttpRequest, activate: Callable[..., Any]) -> str:
    """Have it activated by who asks, with the reason they give; why it can't be, or empty where it was."""
    try:
        activate(by=cast(User, request.user), override_reason=request.POST.get("reason", ""))
    except DomainError as error:
        return error.message
    return ""


def gates_shown(request: HttpRequest, look: Callable[[], Sequence[Verdict]]) -> dict[str, Any]:
    """What the gates say, as the templates show it; nothing is asked of them while they rest.

    Evaluations are linked for those alone whom review is open to.
    """
    verdicts = look() if in_force() else []
    return {
        "verdicts": verdicts,
        "may_evaluate": features.is_open(request, features.REVIEW),
        "is_refused": any(each.message for each in verdicts),
        "may_override": request.user.has_perm(OVERRIDE),
        "most_reason": MOST_REASON,
    }

"""What is said of a design, an artifact or a module outside of any queue."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from config.problems import InvalidInput
from feedback.models import ReviewFeedback

ABOUT = ("design_split", "artifact", "module")


@transaction.atomic
def say(*, by: User, reviewer: str = "", **said: Any) -> ReviewFeedback:
    """Keep it, under the name of ``reviewer`` or else of ``by``. Raises ``InvalidInput`` where it is of nothing."""
    if not any(said.get(name) for name in ABOUT):
        raise InvalidInput("Say what it is of: give designSplitId, artifactId or moduleId.")
    return ReviewFeedback.objects.create(reviewer=reviewer or by.email or by.get_username(), **said)

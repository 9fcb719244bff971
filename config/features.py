"""Whether a feature is on, for apps that may not import the one that decides."""

from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils.module_loading import import_string

REVIEW = "REVIEW_ENABLED"


def is_on(name: str, user: Any = None) -> bool:
    """Asks ``settings.FEATURE_DECIDER``, at every call; without a user, whether it is on for all."""
    return bool(import_string(settings.FEATURE_DECIDER)(name, user))


def require(name: str, user: Any = None) -> None:
    """Raises ``Http404``, as if there were nothing here, while the feature is off."""
    if not is_on(name, user):
        raise Http404("There is nothing here.")

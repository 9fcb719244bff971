"""Whether a feature is on, for apps that may not import the one that decides."""

from django.conf import settings
from django.http import Http404
from django.utils.module_loading import import_string

REVIEW = "REVIEW_ENABLED"


def is_on(name: str) -> bool:
    """Asks ``settings.FEATURE_DECIDER``, at every call."""
    return bool(import_string(settings.FEATURE_DECIDER)(name))


def require(name: str) -> None:
    """Raises ``Http404``, as if there were nothing here, while the feature is off."""
    if not is_on(name):
        raise Http404("There is nothing here.")

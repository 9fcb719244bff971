"""Whether a feature is on, for apps that may not import the one that decides."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

REVIEW = "REVIEW_ENABLED"
MONITORING = "MONITORING_API_ENABLED"


def is_on(name: str, user: Any = None) -> bool:
    """Asks ``settings.FEATURE_DECIDER``, at every call; without a user, whether it is on for all."""
    return bool(import_string(settings.FEATURE_DECIDER)(name, user))


def is_open(request: HttpRequest, name: str) -> bool:
    """Whether it is on for who asks; looked up once a request, as a page's menus ask again and again."""
    known: dict[str, bool] = request.__dict__.setdefault("open_features", {})
    if name not in known:
        known[name] = is_on(name, request.user)
    return known[name]

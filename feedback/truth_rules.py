"""What a document must hold to be ground truth of a scope.

Only the app that makes outputs knows what a scope names and which schemas are in force for it, and this one may not
import it: ``settings.TRUTH_RULE`` names its rule.
"""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

Check = Callable[[str, Any], None]


def begin_check() -> Check:
    """A check for one request or one file: of a scope and its document, which may remember scopes.

    It raises ``TruthInvalid``.
    """
    return cast(Check, import_string(settings.TRUTH_RULE)())

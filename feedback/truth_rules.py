"""What a document must hold to be ground truth of a scope.

Only the app that makes outputs knows what a scope names and which schemas are in force for it, so it sets the rule.
"""

from collections.abc import Callable
from typing import Any

Check = Callable[[str, Any], None]


def _no_rule() -> Check:
    return lambda scope, data: None


_begin: Callable[[], Check] = _no_rule


def set_rule(begin: Callable[[], Check]) -> None:
    """``begin`` gives a check of a scope and its document that raises ``TruthInvalid``; it may remember scopes."""
    global _begin
    _begin = begin


def begin_check() -> Check:
    """A check for one request or one file."""
    return _begin()

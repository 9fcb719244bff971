"""Which function runs a ``StepVersion``: its ``handler`` is a name in the setting ``PIPELINE_STEPS``."""

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from pipelines.steps.contract import AnyStepFunction


class UnknownHandlerError(LookupError):
    """This process has no code for a handler. The step is left for one that has."""


def is_registered(name: str) -> bool:
    """Whether this process has code for ``name``. What it has not it leaves to others, and never fails."""
    return name in settings.PIPELINE_STEPS


def handler_path(name: str) -> str:
    """From where ``name`` is imported. Raises ``UnknownHandlerError`` when this process has no code for it."""
    try:
        return str(settings.PIPELINE_STEPS[name])
    except KeyError:
        raise UnknownHandlerError(f"No step is registered as {name!r}. Add it to PIPELINE_STEPS.") from None


def handler(name: str) -> AnyStepFunction:
    """The function behind ``name``. Raises ``UnknownHandlerError`` when there is none or it cannot be imported."""
    try:
        return cast(AnyStepFunction, import_string(handler_path(name)))
    except ImportError as error:
        raise UnknownHandlerError(f"The code of the step {name!r} cannot be imported: {error}") from error

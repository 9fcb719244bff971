"""Which function runs a ``StepVersion``: its ``handler`` is a name in the setting ``PIPELINE_STEPS``."""

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from pipelines.steps.contract import StepFunction


class UnknownHandlerError(LookupError):
    """This process has no code for a handler. The step is left for one that has."""


def handler(name: str) -> StepFunction:
    """The function behind ``name``. Raises ``UnknownHandlerError`` when there is none or it cannot be imported."""
    try:
        return cast(StepFunction, import_string(settings.PIPELINE_STEPS[name]))
    except KeyError:
        raise UnknownHandlerError(f"No step is registered as {name!r}. Add it to PIPELINE_STEPS.") from None
    except ImportError as error:
        raise UnknownHandlerError(f"The code of the step {name!r} cannot be imported: {error}") from error

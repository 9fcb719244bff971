"""What must be switched on before pipelines may run."""

import uuid

from django.contrib.auth.models import User

from monitoring import flags
from pipelines.errors import LoggingDisabled


def require_logging(*, pipeline_id: uuid.UUID, user: User | None) -> None:
    """Raises ``LoggingDisabled`` while PIPELINE_LOGGING_ENABLED is off for this pipeline and this user."""
    user_id = user.pk if user is not None else None
    if not flags.decide(flags.Key.PIPELINE_LOGGING_ENABLED, user_id=user_id, pipeline_id=pipeline_id).is_on:
        raise LoggingDisabled

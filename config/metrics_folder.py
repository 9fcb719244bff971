"""The folder in which web processes share what they count for Prometheus."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(folder: str) -> None:
    """Make the folder where it is missing. To be called before prometheus_client is imported, which reads the variable.

    It would fail at the first request without a folder, and take a variable that is set to nothing for the folder of
    the process. Raises ``ImproperlyConfigured`` for a folder that nothing can be written to.
    """
    if not folder:
        os.environ.pop(VARIABLE, None)
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{VARIABLE} names a folder that cannot be made: {error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"{VARIABLE} names {folder}, which this user may not write to.")

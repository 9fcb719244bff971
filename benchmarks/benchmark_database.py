"""Sets Django up when it is imported, and lends an empty database that is gone afterwards."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()


@contextmanager
def scratch_database() -> Iterator[None]:
    """A migrated database beside the configured one, which is not touched."""
    from django.db import connection

    from ir_schemas.active import stop_listening

    configured = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"benchmark_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        stop_listening()
        connection.creation.destroy_test_db(configured, verbosity=0)

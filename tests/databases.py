"""Test databases are copies of a template, which is migrated once for as long as no migration changes.

Django draws up every model anew for each operation, so migrating takes seconds of CPU, and a copy next to none.
"""

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Field

from ir_schemas.active import stop_listening

ROOT = Path(__file__).parent.parent
PREFIX = "irline_template_"
LOCK = 0x7465737464620A


def migrated_template() -> str:
    """The name of the database to copy. Whoever needs it first makes it; others wait meanwhile."""
    name = PREFIX + _migrations_hash()
    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        # Held until the connection is closed.
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if name not in (found := _templates(cursor)):
            for old in found:
                cursor.execute(f"DROP DATABASE {connection.ops.quote_name(old)}")
            making = f"{PREFIX}making"
            _migrate(making)
            cursor.execute(f"ALTER DATABASE {making} RENAME TO {connection.ops.quote_name(name)}")
    return name


def _migrations_hash() -> str:
    """Of all that migrations come from: our own, their SQL, and the packages' versions."""
    apps = (ROOT / app.split(".")[0] for app in settings.INSTALLED_APPS)
    files = {file for app in apps for pattern in ("migrations/*.py", "sql/*.sql") for file in app.glob(pattern)}
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _templates(cursor: Any) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    return [name for (name,) in cursor.fetchall()]


def _migrate(name: str) -> None:
    """Make a migrated database, and leave the connection as it was."""
    configured, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    usual, test["NAME"] = test["NAME"], name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Field, "clone", _clone)
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    stop_listening()
    connection.close()
    test["NAME"] = usual
    for each in (connection.settings_dict, settings.DATABASES[connection.alias]):
        each["NAME"] = configured


_CLONE = Field.clone


def _clone(field: Any) -> Any:
    """As Django's own, which takes a field apart and makes it anew: half of all that migrating costs."""
    if hasattr(field, "model"):
        return _CLONE(field)
    made = copy.deepcopy(field)
    Field.creation_counter += 1
    made.creation_counter = Field.creation_counter
    return made

"""What is slow to know of the migrations, and changes only with them: ``bin/test migrations``, and ``.ci/run``."""

import pytest
from django_migration_linter import MigrationLinter

from tests.test_project import MAY_POINT_AT, ROOT


# The linter has no way to see why a step that it refuses is safe.
SAFE_ALL_THE_SAME = {
    "0009_own_work": "no process that runs the code before it can leave the new column empty, as a trigger fills it",
    "0014_dear_rollups": "PostgreSQL rewrites no row for more digits before the point, and each value is read as before",
}


# Outside a transaction, as an index that is made beside the traffic refuses to be read in one.
@pytest.mark.django_db(transaction=True)
def test_migrations_are_safe_to_run_under_traffic() -> None:
    linter = MigrationLinter(
        str(ROOT),
        include_apps=sorted(MAY_POINT_AT),
        ignore_name=list(SAFE_ALL_THE_SAME),
        no_cache=True,
        quiet=["ok", "ignore"],
    )

    linter.lint_all_migrations()

    assert linter.nb_total > 0
    assert not linter.has_errors

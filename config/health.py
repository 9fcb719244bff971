"""Whether this process is up, and whether it can do its work. Open to all, so they tell no more than that."""

import logging
from functools import lru_cache
from http import HTTPStatus

from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from config.problems import problem

log = logging.getLogger(__name__)

TIME_LIMIT_MS = 2_000  # for each statement


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nothing of the database."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers in time, takes writes and has every migration; otherwise 503."""
    try:
        is_read_only, behind = _state_of_database()
    except Error as error:
        log.warning("The database cannot be reached: %s", str(error).strip())
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", "The database cannot be reached.")
    if is_read_only:
        detail = "The database takes no writes. Name the one that does in DATABASE_URL."
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "database-read-only", detail)
    if behind:
        lacking = "1 migration is" if behind == 1 else f"{behind} migrations are"
        detail = f"{lacking} not applied. Run manage.py migrate."
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "migrations-pending", detail)
    return JsonResponse({"status": "ready"})


def _state_of_database() -> tuple[bool, int]:
    """Whether it is read-only, and how many migrations it lacks. Raises ``Error`` where it does not say so in time."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {TIME_LIMIT_MS}")
        cursor.execute("SELECT current_setting('transaction_read_only')::boolean")
        [is_read_only] = cursor.fetchone()
        return is_read_only, _behind(frozenset(MigrationRecorder(connection).applied_migrations()))


@lru_cache(maxsize=1)
def _behind(applied: frozenset[tuple[str, str]]) -> int:
    """Reading every migration takes longer than all the rest, so that is done again only when others are applied."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))

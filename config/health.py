"""Whether this process is up, and whether it can do its work. Open to all, so they tell no more than that."""

import logging
from http import HTTPStatus

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from config.problems import problem

log = logging.getLogger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nothing of the database."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and has every migration; otherwise 503."""
    try:
        behind = _migrations_behind()
    except DatabaseError:
        log.exception("The database cannot be reached.")
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", "The database cannot be reached.")
    if behind:
        detail = f"{behind} migrations are not applied. Run manage.py migrate."
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "migrations-pending", detail)
    return JsonResponse({"status": "ready"})


def _migrations_behind() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))

"""The probes of whoever runs the site."""

import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError
from django.test import Client

from config import health


def test_healthz_answers_without_a_database() -> None:
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_answers_when_every_migration_is_applied() -> None:
    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.django_db
def test_readyz_says_that_a_migration_is_missing() -> None:
    nodes = MigrationLoader(connection).graph.node_map
    app, name = next(key for key, node in nodes.items() if key[0] == "feedback" and not node.children)
    MigrationRecorder(connection).record_unapplied(app, name)

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "migrations-pending")
    assert "manage.py migrate" in answer.json()["detail"]


@pytest.mark.django_db
def test_readyz_says_that_the_database_is_away_and_not_why() -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("a secret detail")

    with connection.execute_wrapper(refuse):
        answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert b"secret" not in answer.content


@pytest.mark.django_db
def test_readyz_says_that_the_database_takes_no_writes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "database-read-only")


@pytest.mark.django_db
def test_readyz_waits_for_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIME_LIMIT_MS", 50)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")

        answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert Client().get("/readyz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_probes_answer_by_whatever_name_and_over_plain_http(address: str, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["irline.example"]
    settings.SECURE_SSL_REDIRECT = True
    settings.METRICS_OPEN = True

    assert Client().get(address, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert Client().get("/admin/login/", headers={"Host": "10.1.2.3:8000"}).status_code == 400


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_probes_only_read(address: str) -> None:
    assert Client().post(address).status_code == 405

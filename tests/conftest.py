"""Fixtures for every test."""

import gc
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.core.management.commands import flush
from django.db import connection, transaction
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client, override_settings
from hypothesis import settings as examples

from ir_schemas.active import stop_listening
from monitoring.flags import Key, set_flag
from pipelines.seeding import plant
from tests import described
from tests.answering import Answers, answering_servers
from tests.databases import migrated_template
from tests.factories import UserFactory

KEPT = ("django_content_type", "auth_permission")

# How long one example takes says how busy the machine is.
examples.register_profile("irline", deadline=None)
examples.load_profile("irline")


# Collecting thousands of tests makes a heap that stays, and that every garbage collection would walk through.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    # What one test makes is garbage as a whole, and soon.
    gc.set_threshold(50_000)
    gc.enable()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that are not there yet. ``tmp_path`` would make one for each test, and few store anything."""
    within = tmp_path_factory.mktemp("media")
    return (within / str(number) for number in count())


@pytest.fixture(autouse=True)
def media(settings: LazySettings, folders: Iterator[Path]) -> Path:
    """Files that a test stores go to a folder of its own."""
    folder = next(folders)
    settings.MEDIA_ROOT = folder
    return folder


@pytest.fixture(scope="session", autouse=True)
def plain_static_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages name their static files as they are, so that nothing needs collecting first."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    storages = {**settings.STORAGES, "staticfiles": plain}
    # WhiteNoise would read every static file anew for each client that a test makes.
    empty = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=empty, STORAGES=storages, WHITENOISE_USE_FINDERS=False):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are hashed at once: what makes it take long is Django's to test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def described_answers() -> Iterator[None]:
    """Whatever a test asks of the API, the answer is one that the description names."""
    ask = Client.request

    def request(self: Client, **environment: Any) -> Any:
        answer = ask(self, **environment)
        described.check(answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", request)
        yield


@pytest.fixture(scope="session")
def commits() -> str:
    """Whether a commit waits for the disk. Only a test that stops the server could tell."""
    return "synchronous_commit=off"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, django_db_blocker: Any, commits: str) -> None:
    options = connection.settings_dict["OPTIONS"]
    options["options"] = f"{options.get('options', '')} -c {commits}"
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The test database is dropped at the end, so nobody may still listen to it."""
    yield
    stop_listening()


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """After a test that commits, rows are deleted: TRUNCATE makes the files of each table and index anew every time.

    Content types and permissions stay, as they would only be made again, and so nothing is told of a migration.
    """
    truncate = DatabaseOperations.sql_flush

    def delete(self: DatabaseOperations, style: Any, tables: Sequence[str], **options: bool) -> list[str]:
        if options.get("reset_sequences") or not _is_superuser():
            return truncate(self, style, tables, **options)
        # Neither triggers nor foreign keys count for a replica, so the tables' order does not matter.
        emptied = [self.quote_name(table) for table in tables if table not in KEPT]
        return ["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {each}" for each in emptied)]  # noqa: S608

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", delete)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
        yield


def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


@pytest.fixture
def boss(client: Client, db: None) -> User:
    """A superuser who is signed in with ``client``."""
    user: User = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def answering() -> Iterator[Answers]:
    """Makes a server that answers as told; gives its address and what was posted to it."""
    with answering_servers() as make:
        yield make


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """A transaction that the tests of a file are savepoints of, so none of them may commit.

    What is written within the context that it gives is there for all of them.
    """
    with django_db_blocker.unblock():
        transaction.set_autocommit(False)
    yield django_db_blocker.unblock
    with django_db_blocker.unblock():
        transaction.rollback()
        transaction.set_autocommit(True)


@pytest.fixture(scope="module")
def planted(shared: Any) -> None:
    """The shipped catalogue, once for the tests of a file."""
    with shared():
        plant()


@pytest.fixture
def seeded(planted: None, db: None) -> None:
    """The shipped catalogue."""


@pytest.fixture
def logging_on(db: None) -> None:
    """Pipelines may run."""
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")

"""Fixtures for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from ir_schemas.active import stop_listening
from monitoring.flags import Key, set_flag
from pipelines.seeding import plant
from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def media(settings: LazySettings, tmp_path: Path) -> Path:
    """Files that a test stores go to a folder of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture(scope="session", autouse=True)
def plain_static_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages name their static files as they are, so that nothing needs collecting first."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    storages = {**settings.STORAGES, "staticfiles": plain}
    with override_settings(STATIC_ROOT=tmp_path_factory.mktemp("static"), STORAGES=storages):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The test database is dropped at the end, so nobody may still listen to it."""
    yield
    stop_listening()


@pytest.fixture
def boss(client: Client, db: None) -> User:
    """A superuser who is signed in with ``client``."""
    user: User = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def seeded(db: None) -> None:
    """The shipped catalogue."""
    plant()


@pytest.fixture
def logging_on(db: None) -> None:
    """Pipelines may run."""
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")

"""Fixtures for every test."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from monitoring.flags import Key, set_flag
from pipelines.seeding import plant


@pytest.fixture(autouse=True)
def media(settings: LazySettings, tmp_path: Path) -> Path:
    """Files that a test stores go to a folder of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def seeded(db: None) -> None:
    """The shipped catalogue."""
    plant()


@pytest.fixture
def logging_on(db: None) -> None:
    """Pipelines may run."""
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")

"""What web processes count for Prometheus is shared through a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.metrics_folder import VARIABLE, prepare

TWO_PROCESSES = """
import os
import django
django.setup()
from django.test import Client
Client().get("/healthz")
if os.fork() == 0:
    Client().get("/healthz")
    os._exit(0)
os.wait()
print(Client().get("/metrics").content.decode())
"""


def test_processes_share_a_folder_that_is_made_for_them(tmp_path: Path) -> None:
    surroundings = {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "METRICS_OPEN": "true",
        "ALLOWED_HOSTS": "testserver",
        VARIABLE: str(tmp_path / "made" / "here"),
    }
    command = [sys.executable, "-c", TWO_PROCESSES]

    said = subprocess.run(
        command, env={**os.environ, **surroundings}, capture_output=True, text=True, check=True
    ).stdout

    assert 'irline_http_request_seconds_count{method="GET",route="healthz",status="2xx"} 2.0' in said
    assert "irline_database_up 0.0" in said


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")

    prepare("")

    assert VARIABLE not in os.environ


def test_a_folder_that_cannot_be_made_is_refused_in_words() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be made"):
        prepare("/dev/null/metrics")

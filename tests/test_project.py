"""Rules about the project itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.db import models

from config import env

ROOT = Path(__file__).parent.parent
OURS = ("config", "ir_schemas", "metrics", "monitoring", "feedback", "pipelines")
DESTRUCTIVE = (
    "DeleteModel",
    "RemoveField",
    "RenameModel",
    "RenameField",
    "AlterModelTable",
    "DROP TABLE",
    "DROP COLUMN",
)
MAY_POINT_AT = {
    "pipelines": {"pipelines", "auth"},
    "ir_schemas": {"ir_schemas", "pipelines", "auth"},
    "metrics": {"metrics", "pipelines", "auth"},
    # An alert names the metric that it watches.
    "monitoring": {"monitoring", "metrics", "pipelines", "auth"},
    "feedback": {"feedback", "metrics", "pipelines", "auth"},
}


def test_imports_go_one_way() -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("app", sorted(MAY_POINT_AT))
def test_foreign_keys_go_one_way(app: str) -> None:
    targets = {
        field.related_model._meta.app_label
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and not model.__name__.endswith("Event")
    }

    assert targets <= MAY_POINT_AT[app]


@pytest.mark.parametrize("app", sorted(MAY_POINT_AT))
def test_migrations_only_add(app: str) -> None:
    for migration in sorted((ROOT / app / "migrations").glob("0*.py")):
        text = migration.read_text()
        assert [word for word in DESTRUCTIVE if word in text.replace("DROP VIEW", "")] == [], migration.name


def test_the_example_environment_is_the_declared_one() -> None:
    assert (ROOT / ".env.example").read_text() == env.example_file()


def test_every_command_has_a_test() -> None:
    ours = sorted(name for name, app in get_commands().items() if str(app) in OURS)
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert ours
    assert [name for name in ours if not re.search(rf"\b{name}\b", tests)] == []


def test_the_project_speaks_of_itself_alone() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    written = [path for path in tracked if not path.endswith((".png", ".jpg", ".lock", ".woff2"))]
    absolute = re.compile(r"(?<![\w/.])/(?:work|root|home)/\w")

    assert [path for path in written if absolute.search((ROOT / path).read_text(errors="ignore"))] == []

"""manage.py seed."""

import pytest
from django.core.management import call_command

from ir_schemas.models import IRSchema, IRSchemaDefinition
from metrics.models import MetricDefinition, MetricProfile
from pipelines.models import Embedding, PipelineVersion, StepVersion

pytestmark = pytest.mark.django_db

TABLES = (IRSchema, IRSchemaDefinition, MetricDefinition, MetricProfile, Embedding, PipelineVersion, StepVersion)


def counts() -> list[int]:
    return [table.objects.count() for table in TABLES]


def test_seeding_twice_makes_everything_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("seed")
    first = counts()
    call_command("seed")

    assert all(first)
    assert counts() == first
    assert capsys.readouterr().out.splitlines()[-1] == "guidelines: 10, 0 new"


def test_every_shipped_contract_is_in_force() -> None:
    call_command("seed")

    assert set(IRSchema.objects.values_list("step_version__step__key", "state")) == {
        ("layout_split", "active"),
        ("module_generate", "active"),
        ("validate_artifact", "active"),
    }
    assert set(IRSchemaDefinition.objects.values_list("prompt__process__key", "state")) == {
        ("layout_split", "active"),
        ("module_generate", "active"),
    }


def test_seeding_keeps_what_people_changed() -> None:
    call_command("seed")
    MetricDefinition.objects.filter(key="split_coverage").update(target=0.5)

    call_command("seed")

    assert MetricDefinition.objects.get(key="split_coverage").target == 0.5

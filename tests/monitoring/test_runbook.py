"""The commands of ``docs/runbook.md``: the first sections are run in their order, the others are well formed."""

import re
import shlex
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command, load_command_class
from django.core.management import get_commands as known_commands

from monitoring.flags import Key, decide
from pipelines.models import PipelineDefinition
from tests.factories import PipelineDefinitionFactory, UserFactory

TEXT = (Path(__file__).parent.parent.parent / "docs" / "runbook.md").read_text()
SECTIONS = {title: text for title, _, text in (part.partition("\n") for part in TEXT.split("\n## ")[1:])}
WALKED = ("Canary", "Promotion", "Rollback")


def commands(section: str) -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("manage.py ")]


@pytest.fixture
def ada(db: None) -> User:
    user: User = UserFactory(username="ada")
    user.groups.add(Group.objects.create(name="testers"))
    return user


@pytest.fixture
def pipeline(db: None) -> PipelineDefinition:
    made: PipelineDefinition = PipelineDefinitionFactory(key="design_to_modules")
    return made


def walk(section: str) -> None:
    for words in commands(section):
        call_command(*words, verbosity=0)


def test_the_canary_its_promotion_and_the_rollback_do_what_is_said(ada: User, pipeline: PipelineDefinition) -> None:
    other = UserFactory()
    walk("Canary")
    assert decide(Key.MONITORING_API_ENABLED, user_id=ada.pk).is_on
    assert not decide(Key.MONITORING_API_ENABLED).is_on
    assert decide(Key.PIPELINE_LOGGING_ENABLED, pipeline_id=pipeline.pk).is_on
    assert not decide(Key.PIPELINE_LOGGING_ENABLED, user_id=other.pk).is_on

    walk("Promotion")
    assert decide(Key.MONITORING_API_ENABLED, user_id=other.pk).is_on
    assert decide(Key.PIPELINE_LOGGING_ENABLED).is_on
    assert decide(Key.IR_VALIDATION_MODE).value == "log"
    assert decide(Key.IR_VALIDATION_MODE, pipeline_id=pipeline.pk).value == "enforce"

    walk("Rollback")
    assert is_all_off(ada, pipeline)


def test_a_canary_is_rolled_back_by_the_same_commands(ada: User, pipeline: PipelineDefinition) -> None:
    walk("Canary")
    assert not is_all_off(ada, pipeline)

    walk("Rollback")
    assert is_all_off(ada, pipeline)


def is_all_off(user: User, pipeline: PipelineDefinition) -> bool:
    keys = (Key.MONITORING_API_ENABLED, Key.PIPELINE_LOGGING_ENABLED, Key.IR_VALIDATION_MODE)
    return {decide(key, user_id=user.pk, pipeline_id=pipeline.pk).value for key in keys} == {"off"}


def test_every_section_with_commands_is_seen() -> None:
    assert {title for title in SECTIONS if commands(title)} == {*WALKED, "Backup", "Prune", "Upgrade"}


@pytest.mark.parametrize("words", [words for title in SECTIONS for words in commands(title)], ids=" ".join)
def test_a_command_is_known_and_well_formed(words: list[str]) -> None:
    name, *arguments = words
    command = load_command_class(known_commands()[name], name)

    command.create_parser("manage.py", name).parse_args(arguments)

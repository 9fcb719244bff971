"""The contract in force, answered from memory and still right when somebody else changes it."""

import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from ir_schemas import active, services
from ir_schemas.errors import UnknownSchema
from ir_schemas.models import IRSchema, IRSchemaDefinition
from ir_schemas.services import validate_json
from tests import factories
from tests.queries import queries_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER, STRING = {"type": "number"}, {"type": "string"}


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process hears of changes, and would not find out otherwise."""
    monkeypatch.setattr(active, "TRUSTED", 1_000.0)
    active.stop_listening()

    def asks() -> bool:
        active.in_force(prompt_id=uuid.uuid4())
        return active.is_listening()

    until(asks)
    yield
    active.stop_listening()


@pytest.fixture
def two_versions() -> tuple[IRSchema, IRSchema]:
    """A step's contract for numbers, in force, and its draft for strings."""
    owner = factories.StepVersionFactory()
    numbers, strings = (
        services.create_version(model=IRSchema, owner=owner, schema=schema) for schema in (NUMBER, STRING)
    )
    return services.activate_version(schema=numbers), strings


def passes(version: IRSchema, data: Any) -> bool | None:
    report, _ = validate_json(data, step_version_id=version.step_version_id)
    return None if report is None else report.valid


def settle(version: IRSchema) -> None:
    """Wait until the news of what the test itself has set up are heard, and the contract is answered from memory."""
    until(lambda: queries_of(lambda: passes(version, 1)) == 0)


@pytest.mark.usefixtures("listening")
def test_the_second_check_asks_no_database(two_versions: tuple[IRSchema, IRSchema]) -> None:
    numbers, _ = two_versions

    until(lambda: queries_of(lambda: passes(numbers, 1)) == 0)


@pytest.mark.usefixtures("listening")
def test_having_no_contract_is_remembered_too() -> None:
    prompt = factories.AIPromptFactory()
    assert validate_json(1, prompt_id=prompt.pk) == (None, None)

    until(lambda: queries_of(lambda: validate_json(1, prompt_id=prompt.pk)) == 0)


@pytest.mark.parametrize("owner", ["prompt", "process"])
def test_prompts_and_processes_have_contracts_of_their_own(owner: str) -> None:
    row = factories.AIPromptFactory() if owner == "prompt" else factories.AIProcessFactory()
    schema = services.create_version(model=IRSchemaDefinition, owner=row, schema=NUMBER, name="number")
    services.activate_version(schema=schema)

    report, contract = validate_json("one", **{f"{owner}_id": row.pk})

    assert report is not None
    assert contract is not None
    assert (report.valid, contract.schema_id, contract.version) == (False, schema.pk, 1)


@pytest.mark.usefixtures("listening")
def test_what_this_process_changes_it_knows_at_once(two_versions: tuple[IRSchema, IRSchema]) -> None:
    numbers, strings = two_versions
    assert passes(numbers, 1)

    services.activate_version(schema=strings)
    assert (passes(strings, 1), passes(strings, "one")) == (False, True)

    services.deactivate(schema=strings)
    assert passes(strings, "one") is None


@pytest.mark.usefixtures("listening")
def test_another_process_that_activates_is_heard(two_versions: tuple[IRSchema, IRSchema]) -> None:
    numbers, strings = two_versions
    assert (passes(numbers, 1), passes(numbers, "one")) == (True, False)

    in_another_process(f"""
        from ir_schemas.models import IRSchema
        from ir_schemas.services import activate_version
        activate_version(schema=IRSchema.objects.get(pk="{strings.pk}"))
    """)

    until(lambda: passes(numbers, "one") is True)
    assert passes(numbers, 1) is False


@pytest.mark.usefixtures("listening")
def test_a_draft_edited_elsewhere_is_not_mistaken_for_the_contract(two_versions: tuple[IRSchema, IRSchema]) -> None:
    numbers, strings = two_versions
    assert passes(numbers, 1)

    services.update_version(schema=strings, changes={"description": "still a draft"})

    assert passes(numbers, 1)


@pytest.mark.usefixtures("listening")
def test_while_nobody_listens_the_database_is_asked(two_versions: tuple[IRSchema, IRSchema]) -> None:
    numbers, strings = two_versions
    assert passes(numbers, 1)

    end_listening_connections()
    until(lambda: not active.is_listening())
    IRSchema.objects.filter(pk=numbers.pk).update(state="retired")
    IRSchema.objects.filter(pk=strings.pk).update(state="active")

    assert (passes(numbers, 1), passes(numbers, "one")) == (False, True)
    until(lambda: passes(numbers, "one") is True and active.is_listening())
    settle(numbers)


@pytest.mark.usefixtures("listening")
def test_nothing_is_trusted_for_longer_than_it_may_be(
    two_versions: tuple[IRSchema, IRSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, _ = two_versions
    settle(numbers)
    monkeypatch.setattr(active, "TRUSTED", 0.0)
    active.forget(numbers.step_version_id)

    passes(numbers, 1)

    assert queries_of(lambda: passes(numbers, 1)) == 1


@pytest.mark.usefixtures("listening")
def test_memory_is_bounded(two_versions: tuple[IRSchema, IRSchema], monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, _ = two_versions
    settle(numbers)
    monkeypatch.setattr(active, "MAX_KEPT", 3)

    for _ in range(3):
        active.in_force(prompt_id=uuid.uuid4())

    assert queries_of(lambda: passes(numbers, 1)) == 1


@pytest.mark.usefixtures("listening")
def test_inside_a_transaction_its_own_view_holds(two_versions: tuple[IRSchema, IRSchema]) -> None:
    numbers, strings = two_versions
    assert passes(numbers, 1)

    with transaction.atomic():
        services.activate_version(schema=strings)
        assert passes(numbers, "one")
        transaction.set_rollback(True)

    assert passes(numbers, 1)


@pytest.mark.usefixtures("listening")
def test_a_forked_child_listens_for_itself(two_versions: tuple[IRSchema, IRSchema]) -> None:
    settle(two_versions[0])
    read, write = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(write, b"listening" if active.is_listening() else b"not yet")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 20) == b"not yet"
    assert active.is_listening()


def test_a_version_can_be_asked_by_its_id_whatever_its_state(two_versions: tuple[IRSchema, IRSchema]) -> None:
    _, strings = two_versions

    report, contract = validate_json("one", schema_id=strings.pk)

    assert report is not None
    assert contract is not None
    assert (report.valid, contract.schema_id) == (True, strings.pk)


def test_unknown_ids_and_missing_names_are_refused() -> None:
    with pytest.raises(UnknownSchema):
        validate_json(1, schema_id=uuid.uuid4())
    with pytest.raises(UnknownSchema):
        validate_json(1)


def in_another_process(program: str) -> None:
    """Run a program with Django set up on the test's database, to its end."""
    database = settings.DATABASES["default"]
    setup = f"""
        import os
        import django
        from django.conf import settings
        settings.DATABASES["default"]["NAME"] = {database["NAME"]!r}
        django.setup()
    """
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    code = textwrap.dedent(setup) + textwrap.dedent(program)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=settings.BASE_DIR, timeout=60)


def end_listening_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%%'"
        )

"""export_schemas and import_schemas."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ir_schemas.folder import INDEX
from ir_schemas.models import CompatibilityLevel, IRSchema, IRSchemaDefinition, SchemaEvent, SchemaLine
from ir_schemas.services import activate_version, create_version, require_compatibility, required_level
from tests import factories

pytestmark = pytest.mark.django_db

LOOSE: dict[str, Any] = {"type": "object"}
TITLED: dict[str, Any] = {"type": "object", "required": ["title"]}
WRITTEN = '{\n  "type": "object",\n  "properties": {"b": true, "a": {"const": "é"}}\n}'


@pytest.fixture
def step() -> Any:
    return factories.StepVersionFactory(step__key="layout_split", version=1)


@pytest.fixture
def prompt() -> Any:
    return factories.AIPromptFactory(process__key="summarise", version=2)


@pytest.fixture
def registry(step: Any, prompt: Any) -> None:
    """A step's line with a retired, an active and a draft version, a prompt's with one, a process's draft."""
    versions = [create_version(model=IRSchema, owner=step, schema=schema) for schema in (LOOSE, TITLED)]
    for version in versions:
        activate_version(schema=version)
    create_version(model=IRSchema, owner=step, schema=json.loads(WRITTEN), source=WRITTEN, description="next")
    require_compatibility(owner=step, level=CompatibilityLevel.BACKWARD)
    answer = create_version(model=IRSchemaDefinition, owner=prompt, schema=LOOSE, name="answer")
    activate_version(schema=answer)
    create_version(model=IRSchemaDefinition, owner=prompt.process, schema=LOOSE, name="any answer")


def state_of_the_registry() -> Any:
    columns = ("version", "state", "schema", "source", "description", "content_hash")
    return (
        list(IRSchema.objects.order_by("version").values("step_version__step__key", *columns)),
        list(IRSchemaDefinition.objects.order_by("name").values("name", "prompt_id", "process_id", *columns)),
        list(SchemaLine.objects.values("step_version_id", "compatibility")),
    )


def empty_the_registry() -> None:
    for table in (SchemaEvent, IRSchema, IRSchemaDefinition, SchemaLine):
        table.objects.all().delete()


def run(capsys: pytest.CaptureFixture[str], command: str, folder: Path, *options: str) -> str:
    capsys.readouterr()
    call_command(command, str(folder), *options)
    return capsys.readouterr().out


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("registry")
def test_schemas_are_written_as_their_authors_wrote_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "export_schemas", tmp_path / "schemas")

    files = files_of(tmp_path / "schemas")
    assert set(files) == {
        INDEX, "step/layout_split@1/v1.json", "step/layout_split@1/v2.json", "step/layout_split@1/v3.json",
        "prompt/summarise@2/v1.json", "process/summarise/v1.json",
    }  # fmt: skip
    assert files["step/layout_split@1/v3.json"] == WRITTEN
    assert "5 versions" in out
    assert "6 files written" in out


@pytest.mark.usefixtures("registry")
def test_exporting_again_writes_nothing_and_removes_what_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "export_schemas", tmp_path)
    (tmp_path / "README.md").write_text("Ours.")
    assert "0 files written, 0 removed" in run(capsys, "export_schemas", tmp_path)

    SchemaEvent.objects.filter(schema__state="draft").delete()
    IRSchema.objects.filter(state="draft").delete()

    assert "1 files written, 1 removed" in run(capsys, "export_schemas", tmp_path)
    assert not (tmp_path / "step/layout_split@1/v3.json").exists()
    assert (tmp_path / "README.md").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("Mine.")

    with pytest.raises(CommandError, match="Name an empty folder"):
        call_command("export_schemas", str(tmp_path))
    with pytest.raises(CommandError, match="is a file"):
        call_command("export_schemas", str(tmp_path / "thesis.txt"))

    assert list(files_of(tmp_path)) == ["thesis.txt"]


@pytest.mark.usefixtures("registry")
def test_what_was_exported_comes_back_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state_of_the_registry()
    run(capsys, "export_schemas", tmp_path)
    empty_the_registry()

    out = run(capsys, "import_schemas", tmp_path)

    assert state_of_the_registry() == before
    assert "Imported: 5 created, 0 updated, 2 activated, 0 retired, 0 unchanged; 1 compatibility levels set." in out
    assert "0 files written" in run(capsys, "export_schemas", tmp_path)


@pytest.mark.usefixtures("registry")
def test_importing_again_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "export_schemas", tmp_path)
    before, events = state_of_the_registry(), SchemaEvent.objects.count()

    out = run(capsys, "import_schemas", tmp_path)

    assert "0 created, 0 updated, 0 activated, 0 retired, 5 unchanged." in out
    assert (state_of_the_registry(), SchemaEvent.objects.count()) == (before, events)


@pytest.mark.usefixtures("registry")
def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "export_schemas", tmp_path)
    empty_the_registry()

    out = run(capsys, "import_schemas", tmp_path, "--dry-run")

    assert "Would import: 5 created, 0 updated, 2 activated" in out
    assert not IRSchema.objects.exists()
    assert not SchemaLine.objects.exists()


@pytest.mark.usefixtures("registry")
def test_what_changed_in_the_folder_is_brought_in(
    tmp_path: Path, step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "export_schemas", tmp_path)
    (tmp_path / "step/layout_split@1/v3.json").write_text('{"type": "object", "required": ["title"], "title": "Split"}')
    (tmp_path / "step/layout_split@1/v4.json").write_text('{"type": "array"}')
    index = json.loads((tmp_path / INDEX).read_text())
    line = next(line for line in index["lines"] if line["ownerKind"] == "step")
    line["versions"][1]["state"], line["versions"][2]["state"] = "retired", "active"
    line["versions"].append({"version": 4, "state": "draft"})
    line["compatibility"] = "full"
    (tmp_path / INDEX).write_text(json.dumps(index))

    out = run(capsys, "import_schemas", tmp_path)

    assert "1 created, 1 updated, 1 activated, 0 retired, 4 unchanged; 1 compatibility levels set" in out
    states = IRSchema.objects.order_by("version").values_list("state", flat=True)
    assert list(states) == ["retired", "retired", "active", "draft"]
    assert required_level(step) == CompatibilityLevel.FULL


@pytest.mark.usefixtures("registry")
def test_what_the_folder_retires_is_retired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "export_schemas", tmp_path)
    text = (tmp_path / INDEX).read_text()
    (tmp_path / INDEX).write_text(text.replace('"active"', '"retired"'))

    assert "2 retired" in run(capsys, "import_schemas", tmp_path)
    assert not IRSchema.objects.filter(state="active").exists()


@pytest.mark.usefixtures("registry")
def test_versions_that_the_folder_does_not_list_stay(
    tmp_path: Path, step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "export_schemas", tmp_path)
    later = create_version(model=IRSchema, owner=step, schema={"title": "later"})

    assert "5 unchanged" in run(capsys, "import_schemas", tmp_path)
    assert IRSchema.objects.filter(pk=later.pk, state="draft").exists()


@pytest.mark.usefixtures("registry")
def test_every_refusal_is_told_and_nothing_is_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "export_schemas", tmp_path)
    before = state_of_the_registry()
    (tmp_path / "step/layout_split@1/v1.json").write_text('{"type": "array"}')
    (tmp_path / "process/summarise/v1.json").write_text('{"title": "would be fine"}')
    index = json.loads((tmp_path / INDEX).read_text())
    stray = {"ownerKind": "step", "ownerKey": "nobody@9", "versions": [{"version": 1, "state": "active"}]}
    (tmp_path / INDEX).write_text(json.dumps({**index, "lines": [*index["lines"], stray]}))
    (tmp_path / "step/nobody@9").mkdir()
    (tmp_path / "step/nobody@9/v1.json").write_text("{}")

    with pytest.raises(CommandError) as refused:
        call_command("import_schemas", str(tmp_path))

    assert "step/layout_split@1/v1.json: layout_split@1 v1 has been in force" in str(refused.value)
    assert "step/nobody@9: There is no step 'nobody@9' here" in str(refused.value)
    assert state_of_the_registry() == before


@pytest.mark.usefixtures("registry")
def test_a_lines_level_holds_for_imports_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "export_schemas", tmp_path)
    text = (tmp_path / INDEX).read_text()
    index = json.loads(text)
    line = next(line for line in index["lines"] if line["ownerKind"] == "step")
    line["versions"][1]["state"], line["versions"][2]["state"] = "retired", "active"
    (tmp_path / "step/layout_split@1/v3.json").write_text('{"type": "object", "required": ["title", "lead"]}')
    (tmp_path / INDEX).write_text(json.dumps(index))

    with pytest.raises(CommandError, match="does not keep the level 'backward'"):
        call_command("import_schemas", str(tmp_path))
    out = run(capsys, "import_schemas", tmp_path, "--override-compatibility", "all leads are there")

    assert "1 activated" in out
    event = SchemaEvent.objects.get(schema__version=3, action="activated")
    assert (event.reason, event.details["overridden"]) == ("all leads are there", True)


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (INDEX, b"{", "registry.json: Line 1"),
        (INDEX, b'{"formatVersion": 2, "lines": []}', "registry.json: /formatVersion"),
        ("step/layout_split@1/v1.json", b'{"type": "objekt"}', "v1.json: /type: A type is one of"),
        ("step/layout_split@1/v1.json", b'{"a": 1, "a": 2}', "v1.json: Line 1, column 10"),
        ("step/layout_split@1/v1.json", b"\xff", "is not UTF-8 text"),
        ("step/layout_split@1/v9.json", b"{}", "v9.json: The file is not in registry.json"),
    ],
)
@pytest.mark.usefixtures("registry")
def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, content: bytes, message: str
) -> None:
    run(capsys, "export_schemas", tmp_path)
    (tmp_path / path).write_bytes(content)

    with pytest.raises(CommandError) as refused:
        call_command("import_schemas", str(tmp_path))

    assert message in str(refused.value)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        call_command("import_schemas", str(tmp_path / "nowhere"))

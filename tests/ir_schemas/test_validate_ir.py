"""manage.py validate_ir."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.usefixtures("seeded")

SPLIT: dict[str, Any] = {
    "irVersion": "1.0",
    "source": {"kind": "html", "name": "index.html", "sha256": "0" * 64, "width": 1280, "height": 900},
    "boundsSource": "rendered",
    "parts": [
        {
            "key": "hero",
            "order": 0,
            "kind": "hero",
            "label": "Hero",
            "bounds": {"x": 0, "y": 0, "width": 1, "height": 1},
            "boundsPx": {"x": 0, "y": 0, "width": 1280, "height": 900},
            "confidence": 1,
        }
    ],
}


def written(folder: Path, content: str | bytes) -> str:
    path = folder / "ir.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    "reference", ["layout_split", "layout_split@1", "prompt:layout_split@1", "prompt:layout_split"]
)
def test_a_valid_document_is_called_valid(reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("validate_ir", reference, written(tmp_path, json.dumps(SPLIT)))

    assert "is valid" in capsys.readouterr().out


def test_an_invalid_document_exits_with_1_and_names_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {**SPLIT, "parts": [{**SPLIT["parts"][0], "kind": "herro"}]}

    with pytest.raises(SystemExit) as ended:
        call_command("validate_ir", "layout_split", written(tmp_path, json.dumps(document)), json=True)

    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["valid"], report["errorCount"]) == (False, 1)
    assert report["errors"][0]["path"] == "/parts/0/kind"


def test_a_schema_file_works_without_the_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')

    call_command("validate_ir", str(schema), written(tmp_path, "{}"))

    assert "is valid" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "content", "words"),
    [
        ("nonsense", "{}", "no schema in force"),
        ("layout_split@x", "{}", "no schema in force"),
        ("layout_split@99", "{}", "no schema in force"),
        ("missing.json", "{}", "cannot be read"),
        ("layout_split", "{", "not JSON"),
        ("layout_split", b"\xff\xfe{", "not UTF-8"),
        ("layout_split", '{"a": NaN}', "NaN"),
    ],
)
def test_what_cannot_be_used_exits_with_2_and_says_why(
    reference: str, content: str | bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("validate_ir", reference, written(tmp_path, content))

    assert refused.value.returncode == 2
    assert words in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nothing\.json cannot be read") as refused:
        call_command("validate_ir", "layout_split", str(tmp_path / "nothing.json"))

    assert refused.value.returncode == 2

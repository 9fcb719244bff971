"""A registry as files: what is written is read back, and every fault names its file."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_schemas.folder import FolderError, FolderLine, FolderVersion, parse_folder, write_folder

TEXT = '{\n  "type": "object"\n}\n'
LINES = [
    FolderLine(
        "step",
        "layout_split@1",
        (FolderVersion(1, "retired", TEXT), FolderVersion(2, "active", '{"type": "string"}')),
        "backward",
    ),
    FolderLine("prompt", "summarise", (FolderVersion(1, "draft", "true", "Summary", "What a summary is."),)),
]


def test_files_have_the_paths_that_the_format_promises() -> None:
    files = write_folder(LINES)
    assert list(files) == [
        "registry.json",
        "prompt/summarise/v1.json",
        "step/layout_split@1/v1.json",
        "step/layout_split@1/v2.json",
    ]
    assert files["step/layout_split@1/v1.json"] == TEXT
    assert json.loads(files["registry.json"])["lines"][1] == {
        "ownerKind": "step",
        "ownerKey": "layout_split@1",
        "compatibility": "backward",
        "versions": [{"version": 1, "state": "retired"}, {"version": 2, "state": "active"}],
    }


def test_the_text_does_not_depend_on_the_order_of_the_lines() -> None:
    assert write_folder(LINES) == write_folder(LINES[::-1])


keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
versions = st.lists(
    st.builds(
        FolderVersion,
        version=st.integers(1, 999),
        state=st.sampled_from(["draft", "retired"]),
        text=st.sampled_from([TEXT, "true", '{"enum": ["ä"]}']),
        name=st.sampled_from(["", "Name"]),
        description=st.sampled_from(["", "Über"]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda version: version.version,
).map(lambda found: tuple(sorted(found, key=lambda version: version.version)))
lines = st.lists(
    st.builds(
        FolderLine,
        owner_kind=st.sampled_from(["step", "prompt", "process"]),
        owner_key=keys,
        versions=versions,
        compatibility=st.sampled_from(["none", "backward", "full"]),
    ),
    max_size=4,
    unique_by=lambda line: line.folder.lower(),
)


@settings(max_examples=60)
@given(registry=lines)
def test_what_is_written_is_read_back(registry: list[FolderLine]) -> None:
    files = write_folder(registry)
    assert sorted(parse_folder(files), key=lambda line: line.folder) == sorted(registry, key=lambda line: line.folder)
    for path in files:
        assert not path.startswith("/")
        assert not any(part in ("", ".", "..") or "\\" in part for part in path.split("/"))


Damage = Callable[[dict[str, str]], Any]


def edit_index(change: Callable[[dict[str, Any]], Any]) -> Damage:
    def damage(files: dict[str, str]) -> None:
        index = json.loads(files["registry.json"])
        change(index)
        files["registry.json"] = json.dumps(index)

    return damage


def first_versions(index: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = index["lines"][1]["versions"]
    return found


STEP = "step/layout_split@1/"
DAMAGES: dict[str, tuple[Damage, str, str]] = {
    "no index": (lambda files: files.pop("registry.json"), "registry.json", "missing"),
    "broken index": (lambda files: files.update({"registry.json": "{"}), "registry.json", "Line 1"),
    "index of a later format": (
        edit_index(lambda index: index.update(formatVersion=2)),
        "registry.json",
        "/formatVersion",
    ),
    "unknown state": (
        edit_index(lambda index: first_versions(index)[0].update(state="live")),
        "registry.json",
        "/lines/1/versions/0/state",
    ),
    "two in force": (
        edit_index(lambda index: first_versions(index)[0].update(state="active")),
        "registry.json",
        "several active",
    ),
    "same version twice": (
        edit_index(lambda index: first_versions(index).append({"version": 2, "state": "draft"})),
        "registry.json",
        "version 2 2 times",
    ),
    "same line twice": (edit_index(lambda index: index["lines"].append(index["lines"][0])), "registry.json", "2 lines"),
    "file missing": (lambda files: files.pop(STEP + "v2.json"), STEP + "v2.json", "missing"),
    "file left over": (lambda files: files.update({STEP + "v3.json": "{}"}), STEP + "v3.json", "not in registry.json"),
    "file outside": (lambda files: files.update({"../v3.json": "{}"}), "../v3.json", "not in registry.json"),
    "not JSON": (lambda files: files.update({STEP + "v1.json": '{"a": 1,\n}'}), STEP + "v1.json", "Line 2"),
    "member twice": (
        lambda files: files.update({STEP + "v1.json": '{"type": 1, "type": 2}'}),
        STEP + "v1.json",
        "twice",
    ),
    "not a schema": (lambda files: files.update({STEP + "v1.json": '{"type": "text"}'}), STEP + "v1.json", "/type"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_fault_names_its_file(name: str) -> None:
    damage, path, words = DAMAGES[name]
    files = write_folder(LINES)
    damage(files)
    with pytest.raises(FolderError) as caught:
        parse_folder(files)
    assert any(finding.path == path and words in finding.message for finding in caught.value.findings)


def test_all_faults_are_told_at_once() -> None:
    files = write_folder(LINES) | {STEP + "v1.json": "{", STEP + "v2.json": '{"type": "text"}'}
    with pytest.raises(FolderError) as caught:
        parse_folder(files)
    assert {finding.path for finding in caught.value.findings} == {STEP + "v1.json", STEP + "v2.json"}


def test_keys_that_differ_only_in_case_are_refused() -> None:
    twins = [FolderLine("prompt", key, (FolderVersion(1, "draft", "true"),)) for key in ("Summary", "summary")]
    with pytest.raises(FolderError, match="more than case"):
        write_folder(twins)


def test_other_files_in_the_folder_are_left_alone() -> None:
    assert len(parse_folder(write_folder(LINES) | {"README.md": "# Our schemas"})) == len(LINES)

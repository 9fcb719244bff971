"""The Nu validator as an optional engine: a stand-in for ``java`` answers here, the real one where it is configured."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.steps.contract import StepContext
from pipelines.steps.validate_artifact import validate_artifact
from pipelines.steps.validate_artifact.nu import JAR_VARIABLE
from tests.pipelines.generated_modules import generated

REAL_JAR = os.environ.get(JAR_VARIABLE)
ANSWER = """{"version": "26.1.1", "messages": [
  {"type": "error", "lastLine": 3, "lastColumn": 9, "message": "Element “div” not allowed as child of element “ul”."},
  {"type": "info", "lastLine": 1, "lastColumn": 1, "message": "Trailing slash on void elements."},
  {"type": "error", "lastLine": 4, "lastColumn": 1, "message": "The heading “h4” follows the heading “h2”."}]}"""


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program named ``java`` on the path that does what the given shell line says."""

    def install(line: str) -> None:
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\ncat > /dev/null\n{line}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        (tmp_path / "vnu.jar").touch()
        monkeypatch.setenv(JAR_VARIABLE, str(tmp_path / "vnu.jar"))

    return install


def judge(rendered: str) -> dict[str, Any]:
    return validate_artifact(StepContext(item=generated(rendered), params={"rendering": "never"})).ir


def html_engine(ir: dict[str, Any]) -> dict[str, str]:
    return next(engine for engine in ir["engines"] if engine["category"] == "html")


def test_its_errors_take_the_place_of_ours(java: Callable[[str], None]) -> None:
    java(f"cat <<'END'\n{ANSWER}\nEND")
    ir = judge("<font>x</font>")
    rules = {finding["rule"]: finding for finding in ir["findings"] if finding["category"] == "html"}
    assert list(rules) == ["nu/element-not-allowed-as-child-of-element"]
    assert rules["nu/element-not-allowed-as-child-of-element"]["place"] == "rendered module, line 3, column 9"
    assert html_engine(ir) == {"category": "html", "name": "Nu HTML Checker", "version": "26.1.1"}
    assert ir["markup"]["errors"] == 1


def test_skipped_headings_stay_a_rule_of_ours(java: Callable[[str], None]) -> None:
    java(f"cat <<'END'\n{ANSWER}\nEND")
    assert "heading-skipped" in {finding["rule"] for finding in judge("<h2>a</h2><h4>b</h4>")["findings"]}


@pytest.mark.parametrize("line", ["echo nonsense", "exit 3", "echo '{}'", "echo '[]'"])
def test_an_unreadable_answer_leaves_the_judgement_to_our_rules(java: Callable[[str], None], line: str) -> None:
    java(line)
    ir = judge("<font>x</font>")
    assert "element-obsolete" in {finding["rule"] for finding in ir["findings"]}
    assert html_engine(ir)["name"] == "justhtml"
    assert "no readable answer" in html_engine(ir)["note"]


def test_a_jar_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, java: Callable[[str], None]) -> None:
    java("exit 0")
    monkeypatch.setenv(JAR_VARIABLE, "/no/such/vnu.jar")
    assert "/no/such/vnu.jar" in html_engine(judge("<p>x</p>"))["note"]


@pytest.mark.skipif(REAL_JAR is None, reason=f"{JAR_VARIABLE} is not set.")
def test_the_real_checker_reads_a_fragment_with_its_own_line_numbers() -> None:
    ir = judge("<p>a</p>\n<ul>\n<div>b</div></ul>")
    finding = next(finding for finding in ir["findings"] if finding["category"] == "html")
    assert finding["rule"].startswith("nu/element-not-allowed-as-child-of-element")
    assert "line 3" in finding["place"]
    assert html_engine(ir)["name"] == "Nu HTML Checker"

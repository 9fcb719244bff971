"""The Nu HTML Checker (the W3C's own), where Java and its jar are there.

``IRLINE_VNU_JAR`` names ``vnu.jar``, which comes with the npm package ``vnu-jar``. One run takes one to two seconds.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from pipelines.steps.validate_artifact.findings import Engine, Finding
from pipelines.steps.validate_artifact.markup import Markup

JAR_VARIABLE = "IRLINE_VNU_JAR"
TIMEOUT_S = 30.0
MAX_REPORT = 5_000_000
NAME = "Nu HTML Checker"
REMEDY = "Change the markup as the Nu HTML Checker says."

QUOTED = re.compile(r"“[^”]*”")
NO_WORD = re.compile(r"[^a-z]+")

# Everything stands on the fragment's first line, so that the checker's line numbers are the fragment's own.
HEAD = '<!doctype html><html lang="en"><head><title>Module</title></head><body>'
TAIL = "</body></html>"


@dataclass(frozen=True, slots=True)
class NuVerdict:
    """``findings`` is None where the checker was configured but could not be used; ``engine.note`` says why."""

    engine: Engine
    findings: tuple[Finding, ...] | None


def validate(markup: Markup) -> NuVerdict | None:
    """What the checker says of the markup; None where it is not configured."""
    jar = os.environ.get(JAR_VARIABLE)
    if not jar:
        return None
    java = shutil.which("java")
    if java is None:
        return _unusable(f"{JAR_VARIABLE} is set, but there is no java on the path.")
    if not os.path.isfile(jar):
        return _unusable(f"{JAR_VARIABLE} names {jar}, which is not a file.")
    return _run([java, "-Xss4m", "-jar", jar, "--format", "json", "--stdout", "--exit-zero-always", "-"], markup)


def _run(command: list[str], markup: Markup) -> NuVerdict:
    document = markup.source if markup.is_page else HEAD + markup.source + TAIL
    try:
        finished = subprocess.run(command, input=document.encode(), capture_output=True, timeout=TIMEOUT_S, check=True)  # noqa: S603
        report = json.loads(finished.stdout[:MAX_REPORT])
        findings = tuple(_finding(message) for message in report["messages"] if _counts(message))
    except subprocess.TimeoutExpired:
        return _unusable(f"The Nu validator did not answer within {TIMEOUT_S:g} s.")
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError, TypeError):
        return _unusable("The Nu validator gave no readable answer.")
    return NuVerdict(Engine(NAME, str(report.get("version", "unknown"))), findings)


def _counts(message: dict[str, Any]) -> bool:
    """Skipped heading levels are a rule of our own, whatever judges the rest."""
    return bool(message["type"] == "error" and not str(message["message"]).startswith("The heading “"))


def _finding(message: dict[str, Any]) -> Finding:
    text = str(message["message"])
    kind = NO_WORD.sub("-", QUOTED.sub("", text).lower()).strip("-")[:60]
    place = f"rendered module, line {message.get('lastLine', '?')}, column {message.get('lastColumn', '?')}"
    return Finding(f"nu/{kind}", "html", "error", place, text, REMEDY)


def _unusable(reason: str) -> NuVerdict:
    return NuVerdict(Engine(NAME, "none", f"{reason} Judged by irline's own rules."), None)

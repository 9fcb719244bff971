"""Run the official JSON-Schema-Test-Suite's draft 2020-12 tests through our own door.

    python benchmarks/json_schema_suite.py PATH_OF_A_CLONE_OF_THE_SUITE

Prints one JSON line: for the required and the format tests how many there are and how many pass, for the schema
(`compile_schema`), the verdict (`validate`), and the explanation (a document refused by the engine has errors that the
explainer itself found). `failures` lists what failed.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ir_schemas.validation import PYTHON, RUST, Engine, Limits, SchemaFault, compile_schema

BASE = "http://localhost:1234/"
DRAFT = "draft2020-12"
ANY_TEXT = Limits(storable=False)  # some tests have NUL characters, which PostgreSQL can't store


def remotes(suite: Path) -> dict[str, Any]:
    """Return the suite's remote documents by the address that its tests expect them at."""
    folder = suite / "remotes"
    files = [path for path in folder.rglob("*.json") if path.relative_to(folder).parts[0] == DRAFT]
    files += [
        path for path in folder.rglob("*.json") if not path.relative_to(folder).parts[0].startswith(("draft", "v1"))
    ]
    return {BASE + path.relative_to(folder).as_posix(): json.loads(path.read_bytes()) for path in files}


def run(files: list[Path], resources: dict[str, Any], engine: Engine, *, assert_formats: bool) -> dict[str, Any]:
    """Run the tests in these files. The required ones take `format` as an annotation, as the draft's default is."""
    total = passed = explained = refused = 0
    failures: list[str] = []
    for path in files:
        for case in json.loads(path.read_bytes()):
            total += len(case["tests"])
            try:
                compiled = compile_schema(
                    case["schema"],
                    resources=resources,
                    engine=engine,
                    assert_formats=assert_formats,
                    limits=ANY_TEXT,
                )
            except SchemaFault as fault:
                failures.append(f"{path.stem}: {case['description']}: {fault}")
                continue
            for test in case["tests"]:
                report = compiled.validate(test["data"], limits=ANY_TEXT)
                if report.valid != test["valid"]:
                    failures.append(f"{path.stem}: {case['description']}: {test['description']}")
                    continue
                passed += 1
                refused += not report.valid
                explained += not report.valid and report.errors[0].code != "unexplained"
    return {"tests": total, "passed": passed, "refused": refused, "explained": explained, "failures": failures}


def main() -> None:
    suite = Path(sys.argv[1])
    resources = remotes(suite)
    tests = suite / "tests" / DRAFT
    required, formats = sorted(tests.glob("*.json")), sorted((tests / "optional" / "format").glob("*.json"))
    figures = {
        f"{engine.name} {engine.version}": {
            "required": run(required, resources, engine, assert_formats=False),
            "format": run(formats, resources, engine, assert_formats=True),
        }
        for engine in (RUST, PYTHON)
    }
    print(json.dumps({"benchmark": "json_schema_suite", **figures}))


if __name__ == "__main__":
    main()

"""What is wrong with a text that should be a DAG, at the line where it stands."""

from dataclasses import asdict
from typing import Any

from ir_schemas.admin.problems import Problem, place_fault, place_findings
from ir_schemas.validation import JsonFault, Limits, SchemaFinding, parse_json
from pipelines.dag import Graph
from pipelines.definitions import check_dag
from pipelines.errors import InvalidDag

# So much is checked over and over while somebody types; what is larger is checked when it is saved.
DAG_TEXT = Limits(max_bytes=1_000_000, max_depth=100, max_values=60_000)


def dag_problems(text: str) -> tuple[Graph | None, list[Problem]]:
    """The graph that a text spells, None where it spells none, and every fault that saving it would meet, by line."""
    try:
        dag = parse_json(text, DAG_TEXT)
    except JsonFault as fault:
        return None, [place_fault(fault)]
    try:
        return check_dag(dag), []
    except InvalidDag as error:
        found = place_findings(text, [_finding(each) for each in error.errors])
        return None, sorted(found, key=lambda problem: (problem.line, problem.column))


def as_json(problems: list[Problem]) -> list[dict[str, Any]]:
    """The problems as the editor's script takes them."""
    return [asdict(problem) for problem in problems]


def _finding(fault: dict[str, Any]) -> SchemaFinding:
    return SchemaFinding(fault["path"], fault["code"], "error", fault["message"], fault.get("hint"))

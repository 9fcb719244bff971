"""Explaining `anyOf` and `oneOf` by the branch the author of the document most likely meant.

Every branch is held against the value one level deep, which needs no search: its own mismatches, and whether each part
passes. The nearest branch is then explained in full, as if it stood alone. Where branches are told apart by a tag (a
property that each fixes with `const` or `enum`) and the value's tag fits none, the tag is the error.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from config.json_pointer import unescape_token
from ir_schemas.validation.graph import Node
from ir_schemas.validation.mismatches import Findings, Mismatch, Visit

if TYPE_CHECKING:
    from ir_schemas.validation.explain import Explainer

# How far a branch is from the value, by what is wrong with it. A tag outweighs any number of other faults that occur.
TAG_DISTANCE = 1_000
OWN_DISTANCE = 10
PART_DISTANCE = 1


@dataclass(slots=True)
class _Branch:
    number: int  # from 1, as people count
    node: Node
    findings: Findings
    tags: dict[str, list[Any]] = field(default_factory=dict)  # that the value's own contradict, with what they may be
    distance: int = 0


def look(explainer: "Explainer", node: Node, keyword: str, visit: Visit, found: Findings) -> None:
    """Hold a value against a union. Adds nothing where it matches as the keyword asks."""
    assert isinstance(node.schema, dict)  # noqa: S101 - a bool has no keywords
    nodes = [explainer.graph.child(node, keyword, index) for index in range(len(node.schema[keyword]))]
    matching = [
        number for number, branch in enumerate(nodes, start=1) if explainer.is_valid(branch, visit.value, visit.place)
    ]
    if explainer.stopped or (matching and keyword == "anyOf") or len(matching) == 1:
        return
    if matching:
        code, detail = "several-branches-match", (matching, len(nodes))
        found.here.append(Mismatch(visit.place, code, keyword, visit.value, node, detail))
        return
    branches = [_hold_against(explainer, number, branch, visit) for number, branch in enumerate(nodes, start=1)]
    if not explainer.stopped:
        _explain(explainer, node, keyword, visit, branches, found)


def _explain(
    explainer: "Explainer", node: Node, keyword: str, visit: Visit, branches: list[_Branch], found: Findings
) -> None:
    of_type = [branch for branch in branches if not _refuses_type(branch, visit)]
    if not of_type:
        types = _types(branches)
        code = "wrong-type" if types else "not-allowed"
        found.here.append(Mismatch(visit.place, code, keyword, visit.value, node, types))
        return
    values = [_fixed(explainer, branch.node) for branch in of_type]
    if all(option is not None for option in values):
        detail = [value for option in values for value in option or ()]
        found.here.append(Mismatch(visit.place, "not-in-enum", keyword, visit.value, node, detail))
        return
    tag = _shared_tag(of_type)
    if tag is not None:
        detail = [value for branch in of_type for value in branch.tags[tag]]
        place = visit.place.at_key(tag)
        found.here.append(Mismatch(place, "unknown-variant", keyword, visit.value[tag], node, detail))
        return
    nearest = min(of_type, key=lambda branch: branch.distance)
    via = _name(explainer, nearest, len(branches))
    for mismatch in nearest.findings.here:
        mismatch.via = mismatch.via or via
    found.here.extend(nearest.findings.here)
    found.below.extend(each if each.via else each._replace(via=via) for each in nearest.findings.below)


def _hold_against(explainer: "Explainer", number: int, node: Node, visit: Visit) -> _Branch:
    findings = Findings()
    explainer.look(node, visit.value, visit.place, findings)
    failing = [each for each in findings.below if not explainer.is_valid(each.node, each.value, each.place)]
    branch = _Branch(number, node, Findings(findings.here, failing))
    for part in failing:
        options = _fixed(explainer, part.node)
        if options is not None and type(visit.value) is dict:
            branch.tags[_name_of_part(part, visit)] = options
    branch.distance = sum(map(_weight, findings.here)) + PART_DISTANCE * len(failing) + TAG_DISTANCE * len(branch.tags)
    return branch


def _weight(mismatch: Mismatch) -> int:
    return OWN_DISTANCE * (len(mismatch.detail) if mismatch.code == "unexpected-property" else 1)


def _refuses_type(branch: _Branch, visit: Visit) -> bool:
    here = branch.findings.here
    return any(each.code in ("wrong-type", "not-allowed") and each.place == visit.place for each in here)


def _types(branches: list[_Branch]) -> list[str]:
    """Return the types that some branch would take, in order and once each."""
    types: dict[str, None] = {}
    for branch in branches:
        for mismatch in branch.findings.here:
            if mismatch.code == "wrong-type":
                asked = mismatch.detail or mismatch.node.schema["type"]  # type: ignore[index]
                types |= dict.fromkeys([asked] if isinstance(asked, str) else asked)
    return list(types)


def _fixed(explainer: "Explainer", node: Node) -> list[Any] | None:
    """Return the values that a schema allows where it names them, else None."""
    for _ in range(10):  # references to references
        schema = node.schema
        if isinstance(schema, bool):
            return None
        if "const" in schema:
            return [schema["const"]]
        if "enum" in schema:
            return list(schema["enum"])
        if "$ref" not in schema:
            return None
        node = explainer.graph.follow(node, "$ref")
    return None


def _shared_tag(branches: list[_Branch]) -> str | None:
    """Return a property by which the value is refused in every branch, if there is one."""
    first, *others = branches
    return next((tag for tag in first.tags if others and all(tag in branch.tags for branch in others)), None)


def _name_of_part(part: Visit, visit: Visit) -> str:
    token = part.place.pointer[len(visit.place.pointer) + 1 :]
    return unescape_token(token)


def _name(explainer: "Explainer", branch: _Branch, number_of_branches: int) -> str:
    """Name a branch for a person: by its title, by what it refers to, or by its number."""
    node = branch.node
    schema = node.schema if isinstance(node.schema, dict) else {}
    title = schema.get("title")
    if not title and "$ref" in schema:
        target = explainer.graph.follow(node, "$ref")
        title = isinstance(target.schema, dict) and target.schema.get("title")
        title = title or schema["$ref"].rpartition("/")[2]
    counted = f"alternative {branch.number} of {number_of_branches}"
    return f'"{title}" ({counted})' if title else counted

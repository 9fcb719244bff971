"""What a schema change breaks: verdicts against the hand-worked truth, readings, changes, and hostile schemas."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from ir_schemas.compatibility import Comparison, Verdict, compare
from ir_schemas.validation import SchemaFault
from tests.ir_schemas.compatibility_cases import (
    CASES,
    INTEGER,
    NUMBER,
    STRING,
    Case,
    closed_object,
    open_object,
    tagged,
)

AMPLE = 20.0  # seconds: verdicts must not depend on how busy the machine is
MOST_UNDECIDED = 2


def accepts(schema: Any, document: Any) -> bool:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True).is_valid(document)


def assert_true(verdict: Verdict, writer: Any, reader: Any, truth: bool) -> None:
    if verdict.status == "compatible":
        assert truth
    elif verdict.status == "incompatible":
        assert not truth
        assert accepts(writer, verdict.counterexample)
        assert not accepts(reader, verdict.counterexample)
    else:
        assert verdict.counterexample is None
    assert verdict.reasons


@cache
def compared(name: str) -> Comparison:
    case = next(case for case in CASES if case.name == name)
    return compare(case.old, case.new, seconds=AMPLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_verdict_contradicts_the_truth(case: Case) -> None:
    comparison = compared(case.name)
    assert_true(comparison.backward, case.old, case.new, case.backward)
    assert_true(comparison.forward, case.new, case.old, case.forward)


def test_nearly_every_verdict_is_decided() -> None:
    comparisons = [compared(case.name) for case in CASES]
    verdicts = [verdict for comparison in comparisons for verdict in (comparison.backward, comparison.forward)]
    assert sum(verdict.status == "undecided" for verdict in verdicts) <= MOST_UNDECIDED


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_changes_agree_with_the_verdicts(case: Case) -> None:
    comparison = compared(case.name)
    effects = {change.effect for change in comparison.changes}
    if comparison.backward.status == "compatible":
        assert effects.isdisjoint({"backward-breaking", "both"})
    if comparison.forward.status == "compatible":
        assert effects.isdisjoint({"forward-breaking", "both"})


# Readings


def test_an_optional_property_breaks_open_objects_and_the_reason_says_why() -> None:
    comparison = compare(open_object(a=STRING), open_object(a=STRING, b=INTEGER))
    assert comparison.backward.status == "incompatible"
    (change,) = comparison.changes
    assert (change.path, change.kind, change.effect) == ("/properties/b", "property-added", "backward-breaking")
    assert "`b`" in change.reason
    assert "writer-closed" in change.reason


def test_writers_that_send_declared_properties_only_may_gain_an_optional_one() -> None:
    comparison = compare(open_object(a=STRING), open_object(a=STRING, b=INTEGER), reading="writer-closed")
    assert (comparison.backward.status, comparison.forward.status) == ("compatible", "compatible")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (tagged("a", "b"), {"oneOf": [{**branch, "maxProperties": 2} for branch in tagged("a", "b")["oneOf"]]}),
        (open_object(n=open_object(a=STRING)), open_object(n=open_object(a=STRING, b=INTEGER))),
        ({"$ref": "#/$defs/n", "$defs": {"n": open_object(c={"$ref": "#/$defs/n"})}},
         {"$ref": "#/$defs/n", "$defs": {"n": open_object(c={"$ref": "#/$defs/n"}, v=INTEGER)}}),
        ({"allOf": [open_object(a=STRING), open_object(b=STRING)]}, open_object(a=STRING, b=STRING, c=INTEGER)),
    ],
    ids=["union", "nested", "recursive", "allOf"],
)  # fmt: skip
def test_the_closed_reading_reaches_every_object(old: Any, new: Any) -> None:
    assert compare(old, new, seconds=AMPLE).backward.status == "incompatible"
    assert compare(old, new, reading="writer-closed", seconds=AMPLE).backward.status == "compatible"


def test_the_closed_reading_leaves_maps_open() -> None:
    free_map = {"type": "object"}
    assert compare(free_map, open_object(b=INTEGER), reading="writer-closed").backward.status == "incompatible"


def test_the_closed_reading_still_sees_a_new_requirement() -> None:
    comparison = compare(open_object(a=STRING), open_object("a", a=STRING), reading="writer-closed")
    assert comparison.backward.counterexample == {}


# Changes


def effects(comparison: Comparison) -> dict[str, str]:
    return {f"{change.kind} {change.path}": change.effect for change in comparison.changes}


def test_each_change_is_judged_by_itself() -> None:
    old = closed_object("a", a=STRING, kind={"enum": ["x", "y"]}, n=NUMBER)
    new = {**closed_object("a b", a={**STRING, "title": "A"}, b=STRING, kind={"enum": ["y", "z"]}, n=INTEGER)}
    assert effects(compare(old, new, seconds=AMPLE)) == {
        "title-added /properties/a/title": "none",
        "property-added /properties/b": "forward-breaking",
        "enum-removed /properties/kind/enum/0": "backward-breaking",
        "enum-added /properties/kind/enum/1": "forward-breaking",
        "type-changed /properties/n/type": "backward-breaking",
        "required-added /required/1": "backward-breaking",
    }


def test_a_change_under_a_negation_works_the_other_way_round() -> None:
    comparison = compare({"not": {"maximum": 5}}, {"not": {"maximum": 6}})
    assert effects(comparison) == {"maximum-changed /not/maximum": "backward-breaking"}


def test_moving_a_definition_changes_nothing() -> None:
    old = {"$ref": "#/$defs/a", "$defs": {"a": STRING}}
    comparison = compare(old, {"$ref": "#/$defs/b", "$defs": {"b": STRING}})
    assert set(effects(comparison).values()) == {"none"}


def test_the_counterexample_is_made_small() -> None:
    members = {f"m{index}": STRING for index in range(30)}
    old = open_object("", **members, n=NUMBER)
    assert compare(old, open_object("", **members, n=INTEGER)).backward.counterexample == {"n": 0.5}


def test_null_can_be_the_counterexample() -> None:
    verdict = compare({"type": ["string", "null"]}, STRING).backward
    assert verdict.status == "incompatible"
    assert verdict.counterexample is None


# Hostile and broken input


def nested(depth: int, keyword: str = "not") -> Any:
    schema: Any = {"type": "string"}
    for _ in range(depth):
        schema = {keyword: schema}
    return schema


def doubling(depth: int, leaf: Any) -> Any:
    """A union at every level, each branch holding the level below."""
    schema = leaf
    for _ in range(depth):
        schema = {"anyOf": [{"properties": {"a": schema, "t": {"const": 1}}}, {"items": schema}]}
    return schema


# Made when their test runs: the largest take a second and half a gigabyte.
HOSTILE: dict[str, Callable[[], tuple[Any, Any]]] = {
    "a million properties": lambda: ({"properties": {f"p{n}": {"type": "string"} for n in range(1_000_000)}}, {}),
    "many properties": lambda: (
        {"properties": {f"p{n}": STRING for n in range(5_000)}},
        {"properties": {f"p{n}": {"type": "string", "minLength": 1} for n in range(5_000)}},
    ),
    "100,000 deep": lambda: (nested(100_000), {}),
    "as deep as is compared": lambda: (nested(58, "items"), nested(57, "items")),
    "doubling unions": lambda: (doubling(18, INTEGER), doubling(18, NUMBER)),
    "a product of unions": lambda: (
        {"allOf": [{"oneOf": [{"required": [f"a{n}"]}, {"required": [f"b{n}"]}]} for n in range(40)]},
        {"allOf": [{"oneOf": [{"required": [f"a{n}"]}, {"required": [f"c{n}"]}]} for n in range(40)]},
    ),
    "huge counts": lambda: ({"type": "array", "minItems": 10**9}, {"type": "array", "minItems": 10**9 + 1}),
    "huge strings": lambda: (
        {"type": "string", "minLength": 10**9},
        {"type": "string", "pattern": "^(a{1000}){2}$"},
    ),
    "huge numbers": lambda: ({"minimum": 10**300, "multipleOf": 1e-300}, {"minimum": 10**301}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_are_answered_in_time(name: str) -> None:
    old, new = HOSTILE[name]()
    started = time.process_time()
    comparison = compare(old, new)
    assert time.process_time() - started < 20
    assert comparison.backward.status in ("incompatible", "undecided")


def test_what_is_not_decided_says_why() -> None:
    too_deep = compare(nested(100), STRING).backward
    assert too_deep.status == "undecided"
    assert "too large to compare" in too_deep.reasons[0]
    patterns = compare({"type": "string", "pattern": "^[a-f]+$"}, {"type": "string", "pattern": "^[a-z]+$"}).backward
    assert patterns.status == "undecided"
    assert "`pattern`" in patterns.reasons[-1]


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "text"},
        {"$ref": "#/$defs/gone"},
        {"$ref": "https://example.org/other"},
        {"pattern": "("},
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"},
    ],
)
def test_a_schema_that_is_none_is_refused(broken: Any) -> None:
    with pytest.raises(SchemaFault):
        compare(STRING, broken)


def test_the_same_schema_is_compatible_whatever_its_spelling() -> None:
    comparison = compare({"type": "string", "maxLength": 3}, {"maxLength": 3.0, "type": "string"})
    assert (comparison.backward.status, comparison.forward.status, comparison.changes) == ("compatible",) * 2 + ((),)


def test_the_comparison_reads_as_json() -> None:
    body = compare(STRING, INTEGER).as_json()
    assert body["backward"]["status"] == "incompatible"
    assert body["changes"][0]["kind"] == "type-changed"
    assert body["reading"] == "standard"

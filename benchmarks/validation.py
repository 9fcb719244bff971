"""Validations per second, beside jsonschema and fastjsonschema and over the bare validator underneath.

    python benchmarks/validation.py

Prints one JSON line. For documents of 1 KB, 30 KB and 1 MB, valid and invalid, the best of several rounds in
microseconds: `irline` is `CompiledSchema.validate` on a document that `parse_json` has accepted, `irline_unchecked` the
same with the pre-pass over Python values, `validate_json` the registry's door, which first looks up the contract in
force of a step (in a scratch database; kept in memory), `engine` the bare jsonschema-rs underneath and `jsonschema` the
reference, each asked for a verdict on valid documents and for all errors of invalid ones, `fastjsonschema` a verdict or
the first error, as it knows no more.
"""

import json
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

import fastjsonschema
import jsonschema
import jsonschema_rs
from benchmark_database import scratch_database

from config.canonical import canonical_json
from ir_schemas.active import is_listening
from ir_schemas.models import IRSchema
from ir_schemas.services import activate_version, create_version, validate_json
from ir_schemas.validation import compile_schema, parse_json
from pipelines.models import StepDefinition, StepVersion

SIZES = {"1 KB": 4, "30 KB": 125, "1 MB": 4_200}
BOX = {"type": "object", "required": list("xywh"), "additionalProperties": False} | {
    "properties": {side: {"type": "number", "minimum": 0, "maximum": 1} for side in "xywh"}
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["sections"],
    "additionalProperties": False,
    "properties": {"sections": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/section"}}},
    "$defs": {
        "section": {
            "type": "object",
            "required": ["key", "kind", "bounds", "order"],
            "additionalProperties": False,
            "properties": {
                "key": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"},
                "kind": {"enum": ["header", "hero", "features", "gallery", "pricing", "faq", "footer"]},
                "bounds": {"$ref": "#/$defs/box"},
                "order": {"type": "integer", "minimum": 0},
                "heading": {"type": ["string", "null"], "maxLength": 200},
                "links": {"type": "array", "items": {"type": "string", "format": "uri-reference"}},
                "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/section"}}]},
            },
        },
        "box": BOX,
    },
}


def document(sections: int, *, valid: bool) -> dict[str, Any]:
    """Make a page; an invalid one has one fault of five kinds in every twentieth section."""
    dice = random.Random(1)
    page = {"sections": [_section(dice, order) for order in range(sections)]}
    for number, section in enumerate([] if valid else page["sections"][:: min(20, sections)]):
        _break(section, number % 5)
    return page


def _section(dice: random.Random, order: int) -> dict[str, Any]:
    return {
        "key": f"section-{order}",
        "kind": dice.choice(["hero", "features", "gallery", "faq"]),
        "bounds": {side: round(dice.random(), 4) for side in "xywh"},
        "order": order,
        "heading": dice.choice([None, "A heading of the usual length"]),
        "links": ["/about", "https://example.org/contact"],
        "content": "Words that a visitor reads. " * dice.randint(1, 2),
    }


def _break(section: dict[str, Any], kind: int) -> None:
    if kind == 0:
        del section["key"]
    elif kind == 1:
        section["bounds"]["x"] = "0.5"
    elif kind == 2:
        section["kind"] = "heros"
    elif kind == 3:
        section["headline"] = section.pop("heading")
    else:
        section["content"] = 5


def best(work: Callable[[], Any], seconds: float = 0.5) -> float:
    """Return the shortest time of one call, in microseconds."""
    shortest = float("inf")
    until = time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        work()
        ended = time.perf_counter()
        shortest = min(shortest, ended - started)
        if ended > until:
            return shortest * 1e6


def _first_error(check: Callable[[Any], Any], data: Any) -> bool:
    try:
        check(data)
    except fastjsonschema.JsonSchemaException:
        return False
    return True


def put_in_force() -> uuid.UUID:
    """Make the schema the contract of a step, and wait until it is answered from memory. The step version's id."""
    step = StepDefinition.objects.create(key="benchmark", name="Benchmark")
    owner = StepVersion.objects.create(step=step, version=1, handler="layout_split")
    activate_version(schema=create_version(model=IRSchema, owner=owner, schema=SCHEMA))
    while not is_listening():
        validate_json({}, step_version_id=owner.pk)
    return owner.pk


def measure(size: str, owner: uuid.UUID, *, valid: bool) -> dict[str, Any]:
    """Time every validator on one document."""
    data = document(SIZES[size], valid=valid)
    text = canonical_json(data).decode()
    compiled = compile_schema(SCHEMA)
    engine = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True, offline=True)
    reference = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    fast = fastjsonschema.compile(SCHEMA)
    report = compiled.validate(data)
    assert report.valid == engine.is_valid(data) == reference.is_valid(data) == valid
    times = {
        "irline": best(lambda: compiled.validate(data, source_text=text, checked=True)),
        "validate_json": best(lambda: validate_json(data, step_version_id=owner, checked=True, source_text=text)),
        "irline_unchecked": best(lambda: compiled.validate(data)),
        "engine": best(lambda: engine.is_valid(data) if valid else list(engine.iter_errors(data))),
        "jsonschema": best(lambda: reference.is_valid(data) if valid else list(reference.iter_errors(data)), 1.5),
        "fastjsonschema": best(lambda: _first_error(fast, data)),
        "parse_json": best(lambda: parse_json(text)),
        "json.loads": best(lambda: json.loads(text)),
    }
    return {
        "bytes": len(text),
        "errors": report.error_count,
        "microseconds": {name: round(figure, 1) for name, figure in times.items()},
        "per_second": round(1e6 / times["irline"]),
        "over_engine": round(times["irline"] / times["engine"], 2),
        "validate_json_over_engine": round(times["validate_json"] / times["engine"], 2),
        "validate_json_times_jsonschema": round(times["jsonschema"] / times["validate_json"], 1),
        "times_jsonschema": round(times["jsonschema"] / times["irline"], 1),
        "times_jsonschema_unchecked": round(times["jsonschema"] / times["irline_unchecked"], 1),
        "times_fastjsonschema": round(times["fastjsonschema"] / times["irline"], 1),
    }


def main() -> None:
    """Print the figures."""
    with scratch_database():
        owner = put_in_force()
        figures = {
            f"{size} {'valid' if valid else 'invalid'}": measure(size, owner, valid=valid)
            for size in SIZES
            for valid in (True, False)
        }
    print(json.dumps({"benchmark": "validation", **figures}))


if __name__ == "__main__":
    main()

"""Whether a schema can be used at all, and in words why not."""

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from config.json_pointer import escape_token
from ir_schemas.validation.cost import Bounds, ReferenceLoop, TooCostly, measure
from ir_schemas.validation.documents import JsonFault, Limits, check_document
from ir_schemas.validation.engines import METASCHEMAS, RUST, Check, Engine, Resources, Schema, SchemaRefused
from ir_schemas.validation.explain import Explainer
from ir_schemas.validation.faults import SchemaFault, SchemaFinding
from ir_schemas.validation.graph import DanglingReference, Node, SchemaGraph
from ir_schemas.validation.keywords import DIALECT, TYPES
from ir_schemas.validation.ranking import Tally
from ir_schemas.validation.redaction import shorten
from ir_schemas.validation.report import IRError

SCHEMA_LIMITS = Limits(max_bytes=2_000_000, max_depth=100, max_values=40_000)
LONGEST_PATTERN = 2_000
MOST_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class SoundSchema:
    """A schema that an engine has taken, with what was learnt on the way."""

    graph: SchemaGraph
    check: Check
    bounds: Bounds


def check_shape(schema: Any, limits: Limits = SCHEMA_LIMITS) -> None:
    """Raise SchemaFault unless `schema` is an object or a boolean of bounded size that could be a schema."""
    if not isinstance(schema, (dict, bool)):
        message = "A schema is an object, or true or false."
        raise SchemaFault((SchemaFinding("", "not-a-schema", "error", message),))
    try:
        check_document(schema, limits)
    except JsonFault as fault:
        message = fault.message.replace("The document", "The schema")
        raise SchemaFault((SchemaFinding(fault.path, fault.code, "error", message),)) from None


def check_schema(schema: Schema, resources: Resources, engine: Engine, *, assert_formats: bool) -> SoundSchema:
    """Build a schema's validator. Raises SchemaFault; its shape must have been checked."""
    _check_dialect(schema, resources)
    _check_metaschema(schema)
    try:
        graph = SchemaGraph(schema, resources, engine, assert_formats=assert_formats)
        bounds = measure(graph)
    except DanglingReference as error:
        raise SchemaFault((finding_of_reference(error),)) from None
    except ReferenceLoop as error:
        message = "The schema applies itself to the same value without end."
        hint = "Let it refer to itself only from inside a keyword that goes into the value, such as `properties`."
        raise SchemaFault((SchemaFinding(error.location, "reference-loop", "error", message, hint),)) from None
    except TooCostly as error:
        raise SchemaFault((SchemaFinding(error.location, "too-costly", "error", error.message),)) from None
    try:
        library = engine.library(resources, assert_formats=assert_formats)
        return SoundSchema(graph, library.compile(schema), bounds)
    except SchemaRefused as error:
        raise SchemaFault(_findings_of_patterns(graph) or (_refused(error),)) from error


def finding_of_reference(error: DanglingReference) -> SchemaFinding:
    """Say that a reference leads nowhere, and whether that is because nothing is fetched."""
    reference = shorten(error.reference)
    if error.reference.startswith("#"):
        message, hint = f"The reference {reference} leads nowhere.", "Add what it names, or mend the spelling."
        return SchemaFinding(error.location, "dangling-reference", "error", message, hint)
    message = f"The reference {reference} leads outside this schema, and nothing is ever fetched."
    return SchemaFinding(error.location, "remote-reference", "error", message, "Copy what it names into `$defs`.")


def _check_dialect(schema: Schema, resources: Resources) -> None:
    dialect = schema.get("$schema", DIALECT) if isinstance(schema, dict) else DIALECT
    if isinstance(dialect, str) and dialect.rstrip("#") != DIALECT and dialect not in resources:
        message = f"The schema is written in {shorten(dialect)}, but only draft 2020-12 is spoken here."
        hint = f'Set "$schema" to "{DIALECT}" or leave it out, and adapt the keywords.'
        raise SchemaFault((SchemaFinding("/$schema", "unsupported-draft", "error", message, hint),))


@cache
def _metaschema() -> tuple[SchemaGraph, Check]:
    graph = SchemaGraph(METASCHEMAS[DIALECT], METASCHEMAS, RUST)
    return graph, RUST.library(METASCHEMAS).compile(METASCHEMAS[DIALECT])


def _check_metaschema(schema: Schema) -> None:
    graph, check = _metaschema()
    if check(schema):
        return
    tally = Tally()
    tally.take(
        replace(mismatch, via=None) for mismatch in Explainer(graph).explain(schema)
    )  # no news of the metaschema
    findings = tuple(_finding_of_error(error, schema) for error in tally.best(graph, MOST_FINDINGS))
    raise SchemaFault(findings or (SchemaFinding("", "invalid-schema", "error", "This is not a valid schema."),))


def _finding_of_error(error: IRError, schema: Schema) -> SchemaFinding:
    """Turn an error against the metaschema into a sentence about a schema."""
    keyword = re.sub(r"/\d+$", "", error.path).rpartition("/")[2]
    code, message, hint = "invalid-schema", error.message, error.hint
    if error.keyword == "format" and error.expected == "regex":
        code, message, hint = "invalid-pattern", "This is not a regular expression.", None
    elif keyword == "type" and error.code in ("not-in-enum", "wrong-type"):
        code, message = "unknown-type", f"A type is one of {', '.join(TYPES)}, or an array of them."
        hint = error.hint if error.hint and error.hint.startswith("Did you mean") else None
    return SchemaFinding(error.path, code, "error", message, hint)


def _refused(error: SchemaRefused) -> SchemaFinding:
    return SchemaFinding(
        "", "invalid-schema", "error", "The validator can't be built from this schema.", str(error)[:200]
    )


def _findings_of_patterns(graph: SchemaGraph) -> tuple[SchemaFinding, ...]:
    """Find the patterns that an engine refuses although they are regular expressions."""
    findings: list[SchemaFinding] = []
    for node in graph.nodes():
        findings.extend(pattern_findings(graph, node))
        if len(findings) >= MOST_FINDINGS:
            break
    return tuple(findings)


def pattern_findings(graph: SchemaGraph, node: Node) -> list[SchemaFinding]:
    """Say which of the patterns in one subschema can't be used."""
    if isinstance(node.schema, bool):
        return []
    places = [("patternProperties", escape_token(name), name) for name in node.schema.get("patternProperties", ())]
    places += [("pattern", "", node.schema["pattern"])] if "pattern" in node.schema else []
    findings = []
    for keyword, name, pattern in places:
        try:
            graph.matches(pattern, "")
        except SchemaRefused:
            location = graph.location(node, keyword) + (f"/{name}" if name else "")
            findings.append(SchemaFinding(location, "unsupported-pattern", "error", _UNSUPPORTED, _UNSUPPORTED_HINT))
    return findings


_UNSUPPORTED = (
    "The pattern can't be matched in bounded time: it looks behind or ahead inside, refers back, or repeats too much."
)
_UNSUPPORTED_HINT = "Say what must not match with `not`, and several conditions with `allOf`, one pattern each."

"""The validator against jsonschema's own verdicts and error paths, on random schemas and documents."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.json_pointer import escape_token
from ir_schemas.validation import PYTHON, compile_schema
from tests.ir_schemas.random_schemas import UNEVALUATED, UNIONS, documents, rooted_schemas

thorough = settings(max_examples=100, suppress_health_check=list(HealthCheck))


def oracle_of(schema: Any) -> Any:
    # Its checker of IRIs works out a grammar when it is imported, and every worker collects these tests.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


@thorough
@given(rooted_schemas(), st.lists(documents, min_size=1, max_size=5))
def test_verdicts_are_the_oracles_and_every_refusal_is_explained(schema: Any, candidates: list[Any]) -> None:
    oracle = oracle_of(schema)
    compiled = compile_schema(schema)
    for document in candidates:
        report = compiled.validate(document)
        assert report.valid == oracle.is_valid(document)
        if not report.valid:
            assert report.error_count >= len(report.errors) >= 1
            assert report.errors[0].code != "unexplained"
            assert sum(report.counts_by_code.values()) == report.error_count


@thorough
@given(rooted_schemas(*UNIONS, *UNEVALUATED, False), st.lists(documents, min_size=1, max_size=5))
def test_outside_unions_the_paths_are_the_oracles(schema: Any, candidates: list[Any]) -> None:
    oracle = oracle_of(schema)  # which forgets the path of what `false` refuses
    compiled = compile_schema(schema)
    for document in candidates:
        report = compiled.validate(document, max_errors=10_000)
        expected = {
            "".join(f"/{escape_token(token)}" for token in each.absolute_path) for each in oracle.iter_errors(document)
        }
        assert {error.path for error in report.errors} == expected


@thorough
@given(rooted_schemas(), documents)
def test_the_fallback_engine_finds_the_same(schema: Any, document: Any) -> None:
    report = compile_schema(schema).validate(document)
    fallback = compile_schema(schema, engine=PYTHON).validate(document)
    assert fallback.engine == "jsonschema"
    assert [error.as_json() for error in fallback.errors] == [error.as_json() for error in report.errors]


@thorough
@given(rooted_schemas(), documents)
def test_every_error_points_into_the_document_its_text_and_the_schema(schema: Any, document: Any) -> None:
    text = json.dumps(document, indent=1)
    lines = text.splitlines(keepends=True)
    for error in compile_schema(schema).validate(document, source_text=text).errors:
        value = _at(document, error.path)
        _at(schema, error.schema_path)
        assert error.line is not None
        assert error.column is not None
        offset = sum(map(len, lines[: error.line - 1])) + error.column - 1
        assert json.JSONDecoder().raw_decode(text, offset)[0] == value


def _at(value: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value

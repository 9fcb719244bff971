"""Bodies made to hang, crash or reach out, sent to every door of the registry that takes one.

Each is answered within a moment of processor time, with a refusal or a verdict and never an error of ours, and nothing
of it is stored.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rest_framework.test import APIClient

from ir_schemas.linting import lint_schema
from ir_schemas.models import IRSchema, SchemaEvent
from ir_schemas.services import create_version
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/ir-schemas"


@contextmanager
def without_hanging() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < 20


@pytest.fixture
def boss() -> APIClient:
    client = APIClient()
    client.force_authenticate(factories.UserFactory(is_superuser=True))
    client.raise_request_exception = False
    return client


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Compile what is compiled once in a process, so that no test is charged with it."""
    lint_schema({"type": "object"})


@pytest.fixture
def draft() -> IRSchema:
    return create_version(model=IRSchema, owner=factories.StepVersionFactory(), schema={"type": "object"})


def post(client: APIClient, path: str, body: str | bytes) -> Any:
    return client.post(URL + path, body, content_type="application/json")


def nested(depth: int, opening: str, inner: str, closing: str) -> str:
    return opening * depth + inner + closing * depth


# Texts that are no JSON, or none that can be kept, wherever they stand; with the fault's code.
UNUSABLE = {
    "100,000 arrays": (nested(100_000, "[", "", "]"), "too-deep"),
    "101 arrays": (nested(101, "[", "", "]"), "too-deep"),
    "100,000 objects": (nested(100_000, '{"not":', "{}", "}"), "too-deep"),
    "100,000 brackets that never close": ("[" * 100_000, "too-deep"),
    "NaN": ("NaN", "not-finite-number"),
    "Infinity": ('{"maximum": -Infinity}', "not-finite-number"),
    "1e400": ('{"maximum": 1e400}', "not-finite-number"),
    "10^400": ('{"maximum": 1' + "0" * 400 + "}", "number-out-of-range"),
    "a number of a million digits": ("1" * 1_000_000, "number-out-of-range"),
    "a key twice": ('{"type": "object", "type": "array"}', "duplicate-key"),
    "half a surrogate pair": (r'{"const": "\ud800"}', "lone-surrogate"),
    "half a surrogate pair in a key": (r'{"properties": {"\udfff": {}}}', "lone-surrogate"),
    "a NUL character": (r'{"const": "\u0000"}', "nul-character"),
    "600,000 values": ("[" + "0," * 600_000 + "0]", "too-many-values"),
    "no JSON": ("{'type': 'object'}", "json-syntax"),
    "nothing but a comma": (",", "json-syntax"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_text_that_cannot_be_used_is_refused_at_every_door(name: str, boss: APIClient, draft: IRSchema) -> None:
    text, code = UNUSABLE[name]
    bodies = {
        "": f'{{"stepVersionId": "{draft.step_version_id}", "schema": {text}}}',
        "/validate": f'{{"schemaId": "{draft.pk}", "data": {text}}}',
        "/infer": f'{{"documents": [{text}]}}',
        f"/{draft.pk}/activate": f'{{"reason": {text}}}',
    }

    for path, body in bodies.items():
        with without_hanging():
            answer = post(boss, path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "parse-error")
        assert answer.json()["errors"][0]["code"] == code
        assert len(answer.content) < 2_000
    with without_hanging():
        refused = boss.put(
            f"{URL}/{draft.pk}",
            f'{{"schema": {text}}}',
            content_type="application/json",
            headers={"If-Match": draft.etag},
        )
    assert refused.status_code == 400
    assert (IRSchema.objects.count(), SchemaEvent.objects.count()) == (1, 1)


def test_the_place_of_a_fault_is_told(boss: APIClient) -> None:
    answer = post(boss, "/validate", '{"schema": true,\n "data": {"a": [1, {"b": 2, "b": 3}]}}')

    error = answer.json()["errors"][0]
    assert (error["path"], error["line"], error["column"]) == ("/data/a/1/b", 2, 29)


@pytest.mark.parametrize("text", [b"\xff\xfe{}", b'{"data": "\xed\xa0\x80"}', b"\x00", b"7", b'"text"', b"[]", b"null"])
def test_bodies_that_are_no_object_are_refused(text: bytes, boss: APIClient) -> None:
    for path in ("", "/validate", "/infer"):
        assert post(boss, path, text).status_code == 400


@pytest.mark.parametrize("path", ["", "/validate", "/infer"])
def test_50_megabytes_are_too_many(path: str, boss: APIClient) -> None:
    body = b'{"data": "' + b"x" * 50_000_000 + b'"}'

    with without_hanging():
        answer = post(boss, path, body)

    assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")


def test_what_is_just_too_large_names_the_limit(boss: APIClient) -> None:
    answer = post(boss, "/validate", b'{"data": "' + b"x" * 10_000_000 + b'"}')

    assert answer.status_code == 413
    assert "10,000,000" in answer.json()["detail"]


def doubling(levels: int) -> dict[str, Any]:
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**steps, f"s{levels}": {"type": "integer"}}, "$ref": "#/$defs/s0"}


# Schemas that are JSON and can not be used; with the finding's code.
SCHEMAS: dict[str, tuple[Any, str]] = {
    "a pattern that backtracks": ({"pattern": r"^(a+)+\1$"}, "unsupported-pattern"),
    "a pattern of a billion states": ({"pattern": "^(((a{1000}){1000}){1000})$"}, "too-costly"),
    "a reference to itself": ({"$ref": "#"}, "reference-loop"),
    "a circle of references": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "reference-loop",
    ),
    "2 ** 30 references": (doubling(30), "too-costly"),
    "200,000 properties": ({"properties": {f"p{n}": True for n in range(200_000)}}, "too-many-values"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_hostile_schemas_are_refused_with_their_fault(name: str, boss: APIClient, draft: IRSchema) -> None:
    schema, code = SCHEMAS[name]
    bodies = {
        "": json.dumps({"stepVersionId": str(draft.step_version_id), "schema": schema}),
        "/validate": json.dumps({"schema": schema, "data": "a" * 100}),
    }

    for path, body in bodies.items():
        with without_hanging():
            answer = post(boss, path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "schema-invalid")
        assert answer.json()["errors"][0]["code"] == code


def test_a_million_properties_are_too_many(boss: APIClient, draft: IRSchema) -> None:
    text = ",".join(f'"p{number}":{{}}' for number in range(1_000_000))
    body = f'{{"stepVersionId": "{draft.step_version_id}", "schema": {{"properties": {{{text}}}}}}}'

    with without_hanging():
        answer = post(boss, "", body)

    assert answer.status_code == 413
    assert IRSchema.objects.count() == 1


@pytest.mark.parametrize("scheme", ["http", "https", "file", "ftp"])
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema", "$id"])
def test_nothing_is_ever_fetched(scheme: str, keyword: str, boss: APIClient, draft: IRSchema) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/etc/passwd"
        body = json.dumps({"schema": {"properties": {"a": {keyword: address}}, keyword: address}, "data": {"a": 1}})
        create = json.dumps({**json.loads(body), "stepVersionId": str(draft.step_version_id)})

        with without_hanging():
            answers = [post(boss, "/validate", body), post(boss, "", create)]

        assert all(answer.status_code in (200, 201, 400) for answer in answers)
        with pytest.raises(BlockingIOError):
            server.accept()


UNION = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "anyOf": [
                {"type": "object", "required": [name], "properties": {"children": {"$ref": "#/$defs/nodes"}}}
                for name in ("left", "right", "middle")
            ]
        },
        "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
}


def tree(depth: int, width: int) -> dict[str, Any]:
    return {"left": 1, "children": [tree(depth - 1, width) for _ in range(width)]} if depth else {"wrong": 1}


DOCUMENTS: dict[str, tuple[Any, Any]] = {
    "a pattern that would backtrack elsewhere": ({"pattern": "^(a+)+$"}, "a" * 100_000 + "!"),
    "a recursive union that nothing matches": (UNION, tree(5, 4)),
    "faults without end": ({"items": {"type": "string"}}, list(range(100_000))),
    "a wide object": ({"additionalProperties": False}, {f"p{number}": 1 for number in range(100_000)}),
    "equal items to tell apart": ({"uniqueItems": True}, [{"a": number} for number in range(20_000)] + [{"a": 1}]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_hostile_documents_are_judged_in_bounded_time_and_space(name: str, boss: APIClient) -> None:
    schema, data = DOCUMENTS[name]
    body = json.dumps({"schema": schema, "data": data})

    with without_hanging():
        answer = post(boss, "/validate", body)

    assert (answer.status_code, answer.json()["valid"]) == (200, False)
    assert len(answer.json()["errors"]) <= 50
    assert len(answer.content) < 100_000


@pytest.mark.parametrize("name", ["a recursive union", "references"])
def test_comparing_and_deriving_end_in_time(name: str, boss: APIClient) -> None:
    schema = UNION if name == "a recursive union" else doubling(6)
    owner = factories.StepVersionFactory()
    first = create_version(model=IRSchema, owner=owner, schema=schema)
    second = create_version(model=IRSchema, owner=owner, schema={**schema, "minProperties": 2})
    against = json.dumps({"against": str(first.pk)})

    started = time.monotonic()
    answers = [
        post(boss, f"/{second.pk}/compatibility", against),
        boss.get(f"{URL}/{second.pk}/diff?against={first.pk}"),
        boss.get(f"{URL}/{second.pk}/example"),
        boss.get(f"{URL}/{second.pk}/export?target=strict"),
    ]

    assert time.monotonic() - started < 10
    assert all(answer.status_code in (200, 409) for answer in answers)

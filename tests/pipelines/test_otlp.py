"""Traces over OTLP/HTTP: what is recorded of them, and the answers that an exporter acts on."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from knox.models import AuthToken
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from rest_framework.test import APIClient

from ir_schemas.models import IRSchemaDefinition
from ir_schemas.services import activate_version, create_version
from monitoring.flags import Key, set_flag
from monitoring.models import TestResult, TestRun
from pipelines.models import PromptData, PromptResult
from pipelines.otlp import encoding
from tests.factories import AIPromptFactory, UserFactory
from tests.pipelines.otlp import TRACE_ID, as_json, export, failed, packed, span

pytestmark = pytest.mark.django_db

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.response.model": "gpt-5-2026-01-15",
    "gen_ai.response.id": "resp-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.request.temperature": 0.2,
    "gen_ai.usage.input_tokens": 812,
    "gen_ai.usage.output_tokens": 96,
    "gen_ai.usage.cache_read.input_tokens": 512,
    "gen_ai.usage.reasoning.output_tokens": 0,
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.input.messages": json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": "Write to jane@example.com."}]}]
    ),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": '{"title": "Bicycles"}'}],
                "finish_reason": "stop",
            }
        ]
    ),
}


@pytest.fixture(autouse=True)
def logging_on(db: None) -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="tests")


@pytest.fixture
def exporter() -> APIClient:
    """One with an API key, which is what an exporter has."""
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="record_testrun"))
    _, secret = AuthToken.objects.create(user)
    return APIClient(headers={"Authorization": f"Bearer {secret}"})


def send(client: APIClient, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Any:
    return client.generic("POST", "/v1/traces", body, content_type=content_type, headers=headers)


def refusal(response: Any) -> tuple[int, str]:
    """Code and message of a google.rpc.Status, which a partial success is like on the wire."""
    if response["Content-Type"] == JSON:
        return response.json()["code"], response.json()["message"]
    read = ExportTracePartialSuccess.FromString(response.content)
    return read.rejected_spans, read.error_message


def test_a_call_of_a_model_is_an_ai_run(exporter: APIClient) -> None:
    response = send(exporter, export(span(attributes=CALL)))

    assert (response.status_code, response["Content-Type"], response.content) == (200, PROTOBUF, b"")
    run = TestRun.objects.get()
    assert (run.type, run.status, run.source) == ("ai", "passed", "otlp")
    assert (run.model, run.provider) == ("gpt-5-2026-01-15", "openai")
    assert (run.tokens_in, run.tokens_out, run.tokens_cached, run.tokens_reasoning) == (812, 96, 512, 0)
    assert (run.latency_ms, run.started_at.isoformat()) == (1500, "2026-01-31T12:00:00+00:00")
    assert run.idempotency_key == f"{TRACE_ID.hex()}-0000000000000001"
    assert run.run_group_id.bytes == TRACE_ID
    data = PromptData.objects.get()
    assert data.prompt == "system: Be brief.\n\nuser: Write to jane@example.com."
    assert data.pipeline_id == "design-importer"
    assert data.metadata["request"] == {"model": "gpt-5", "temperature": 0.2}
    assert (data.metadata["responseId"], data.metadata["finishReasons"]) == ("resp-1", ["stop"])
    assert PromptResult.objects.get().result == {"title": "Bicycles"}


def test_the_audit_log_keeps_nothing_personal(exporter: APIClient) -> None:
    send(exporter, export(span(attributes=CALL, status=failed("jane@example.com has no quota"))))

    run = TestRun.objects.get()
    assert (run.status, run.summary["error"]["message"][:7]) == ("error", "[email:")
    kept = json.dumps([run.summary, *run.results.values_list("details", flat=True)])
    assert "jane@example.com" not in kept


def test_json_says_the_same(exporter: APIClient) -> None:
    attributes = [
        {"key": "gen_ai.system", "value": {"stringValue": "openai"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-5"}},
        {"key": "gen_ai.usage.prompt_tokens", "value": {"intValue": "812"}},
    ]
    told = {
        "traceId": TRACE_ID.hex().upper(),
        "spanId": "0000000000000001",
        "parentSpanId": "",
        "kind": 3,
        "startTimeUnixNano": "1769860800000000000",
        "endTimeUnixNano": 1769860801500000000,
        "attributes": attributes,
        "links": [{"traceId": TRACE_ID.hex(), "spanId": "0000000000000002"}],
        "somethingNewer": {"a": 1},
    }

    response = send(exporter, as_json(told), "application/json; charset=utf-8")

    assert (response.status_code, response["Content-Type"], response.json()) == (200, JSON, {})
    run = TestRun.objects.get()
    assert (run.idempotency_key, run.provider) == (f"{TRACE_ID.hex()}-0000000000000001", "openai")
    assert (run.tokens_in, run.tokens_out, run.latency_ms) == (812, None, 1500)


@pytest.mark.parametrize(
    ("compress", "encoding_header"),
    [
        (gzip.compress, "gzip"),
        (gzip.compress, "GZip"),
        (lambda body: gzip.compress(body[:9]) + gzip.compress(b"") + gzip.compress(body[9:]), "gzip"),
        (lambda body: b"".join(gzip.compress(bytes([byte])) for byte in body), "gzip"),
        (zlib.compress, "deflate"),
        (bytes, "identity"),
    ],
)
def test_a_packed_body_is_unpacked(exporter: APIClient, compress: Any, encoding_header: str) -> None:
    response = send(exporter, compress(export(span())), **{"Content-Encoding": encoding_header})

    assert response.status_code == 200
    assert TestRun.objects.count() == 1


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_body_in_chunks_is_read_as_a_whole(exporter: APIClient, compress: Any) -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Encoding": "gzip" if compress is gzip.compress else "identity"}
    # As gunicorn hands it on: without a length, and with an end.
    body = {"wsgi.input": io.BytesIO(compress(export(span()))), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}

    response = exporter.generic("POST", "/v1/traces", content_type=PROTOBUF, headers=headers, **body)

    assert response.status_code == 200
    assert TestRun.objects.count() == 1


def test_where_the_server_reads_no_chunks_a_body_in_chunks_is_refused(exporter: APIClient) -> None:
    response = send(exporter, export(span()), **{"Transfer-Encoding": "chunked"})

    assert (response.status_code, response.json()["code"]) == (411, "length-required")


def test_a_replay_changes_nothing(exporter: APIClient) -> None:
    body = export(span(1, CALL), span(2, CALL))
    send(exporter, body)
    before = list(TestRun.objects.order_by("pk").values())

    response = send(exporter, body)

    assert (response.status_code, response.content) == (200, b"")
    assert list(TestRun.objects.order_by("pk").values()) == before
    assert (PromptData.objects.count(), TestResult.objects.count()) == (2, 6)


def test_other_spans_are_accepted_and_left_alone(exporter: APIClient) -> None:
    around = ("invoke_agent", "execute_tool", "create_agent")
    others = [span(n, {"gen_ai.operation.name": name, "gen_ai.request.model": "m"}) for n, name in enumerate(around, 2)]

    response = send(exporter, export(span(1, {"http.request.method": "GET"}), *others, span(9)))

    assert (response.status_code, response.content) == (200, b"")
    assert TestRun.objects.get().idempotency_key.endswith("9")


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_of_an_export_what_can_be_kept_is_kept_and_the_rest_says_why(exporter: APIClient, media_type: str) -> None:
    unknown = {"gen_ai.request.model": "m", "irline.prompt_id": "0193f2a0-0000-7000-8000-000000000000"}
    malformed = {"gen_ai.request.model": "m", "irline.prompt_id": "hero"}
    bad_times = {"start_time_unix_nano": 2**63, "end_time_unix_nano": 1}
    bodies = {
        PROTOBUF: export(
            span(1), span(2, unknown), span(3, malformed), span(4, **bad_times), span(5, trace_id=b"short"), span(6)
        ),
        JSON: as_json(*(_as_json(n, about) for n, about in ((1, {}), (2, unknown), (3, malformed)))),
    }

    response = send(exporter, bodies[media_type], media_type)

    assert (response.status_code, response["Content-Type"]) == (200, media_type)
    if media_type == JSON:
        partial = response.json()["partialSuccess"]
        assert partial["rejectedSpans"] == "2"
        assert "/promptId: There is no such" in partial["errorMessage"]
    else:
        partial = ExportTraceServiceResponse.FromString(response.content).partial_success
        assert partial.rejected_spans == 4
        for why in ("/promptId: There is no such", "/completedAt: It ends before", "A trace id has 16 bytes"):
            assert why in partial.error_message
    assert TestRun.objects.count() == (1 if media_type == JSON else 2)


def _as_json(number: int, attributes: dict[str, str]) -> dict[str, Any]:
    given = {"gen_ai.request.model": "m", **attributes}
    told = [{"key": key, "value": {"stringValue": found}} for key, found in given.items()]
    return {"traceId": TRACE_ID.hex(), "spanId": f"{number:016x}", "attributes": told}


def test_a_span_that_comes_again_with_other_figures_is_rejected(exporter: APIClient) -> None:
    send(exporter, export(span(1, CALL)))

    response = send(exporter, export(span(1, {**CALL, "gen_ai.usage.input_tokens": 1})))

    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert (partial.rejected_spans, "another run" in partial.error_message) == (1, True)
    assert TestRun.objects.get().tokens_in == 812


def test_a_span_can_name_a_prompt_whose_schema_judges_the_answer(exporter: APIClient) -> None:
    set_flag(key=Key.IR_VALIDATION_MODE, value="log", reason="tests")
    prompt = AIPromptFactory()
    schema = {"type": "object", "required": ["subtitle"]}
    activate_version(schema=create_version(model=IRSchemaDefinition, owner=prompt, name="title", schema=schema))

    send(exporter, export(span(attributes={**CALL, "irline.prompt_id": str(prompt.pk)})))

    run = TestRun.objects.get()
    assert (run.prompt, run.status, run.validation_passed, run.error_count) == (prompt, "failed", False, 1)


def test_a_sender_that_keeps_content_to_itself_has_not_failed(exporter: APIClient) -> None:
    send(exporter, export(span()))

    run = TestRun.objects.get()
    assert run.status == "passed"
    assert {one.name: one.status for one in run.results.all()} == {
        "Prompt IO": "skipped",
        "IR Validation": "skipped",
        "Safety/Policy": "passed",
    }


def test_with_logging_off_only_what_was_always_left_is_left(exporter: APIClient) -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="tests")

    assert send(exporter, export(span(attributes=CALL))).status_code == 200

    assert (PromptData.objects.count(), PromptResult.objects.count(), TestRun.objects.count()) == (1, 1, 0)


def test_more_spans_than_a_batch_has_are_taken(exporter: APIClient, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(16):
        response = send(exporter, packed(export(*(span(n) for n in range(1, 1101)))), **{"Content-Encoding": "gzip"})

    assert (response.status_code, response.content) == (200, b"")
    assert TestRun.objects.count() == 1100


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status", "code"),
    [
        (b"\xff\xff", PROTOBUF, {}, 400, 3),
        (b"{", JSON, {}, 400, 3),
        (b"[]", JSON, {}, 400, 3),
        (b'{"resourceSpans": 1}', JSON, {}, 400, 3),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}', JSON, {}, 400, 3),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 1}]}]}]}', JSON, {}, 400, 3),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}', JSON, {}, 400, 3),
        (b"[" * 100_000, JSON, {}, 400, 3),
        (packed(b"x" * 100)[:-9], PROTOBUF, {"Content-Encoding": "gzip"}, 400, 3),
        (packed(b"") + b"more", PROTOBUF, {"Content-Encoding": "gzip"}, 400, 3),
        (packed(b"") * 1001, PROTOBUF, {"Content-Encoding": "gzip"}, 400, 3),
        (packed(packed(b"")), PROTOBUF, {"Content-Encoding": "gzip, gzip"}, 415, 3),
        (b"not gzip", JSON, {"Content-Encoding": "gzip"}, 400, 3),
        (b"x", PROTOBUF, {"Content-Encoding": "br"}, 415, 3),
        (b"x", "text/plain", {}, 415, 3),
        (packed(b"\0" * (encoding.MAX_BYTES + 1)), PROTOBUF, {"Content-Encoding": "gzip"}, 413, 8),
        (packed(b"\0" * (encoding.MAX_BYTES // 4)) * 5, PROTOBUF, {"Content-Encoding": "gzip"}, 413, 8),
        (b"\0" * (encoding.MAX_BYTES + 1), JSON, {}, 413, 8),
    ],
)
def test_what_is_no_export_is_refused_with_a_status(
    exporter: APIClient, body: bytes, content_type: str, headers: dict[str, str], status: int, code: int
) -> None:
    response = send(exporter, body, content_type, **headers)

    assert response.status_code == status
    assert response["Content-Type"] == (JSON if content_type == JSON else PROTOBUF)
    told, message = refusal(response)
    assert told == code
    assert 10 < len(message) <= 300
    assert TestRun.objects.count() == 0


def test_attributes_nested_without_end_are_refused(exporter: APIClient) -> None:
    fields = b""
    for tag in (b"\x0a", b"\x2a") * 60 + (b"\x12", b"\x0a", b"\x0a", b"\x0a"):
        size = len(fields)
        fields = tag + (bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])) + fields
    response = send(exporter, fields)
    assert response.status_code == 400
    assert "depth" in refusal(response)[1].lower()

    nested = '{"arrayValue":{"values":[' * 60 + "{}" + "]}}" * 60
    body = f'{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a","value":{nested}}}]}}}}]}}'
    assert send(exporter, body.encode(), JSON).status_code == 400


def test_nothing_is_a_fine_export(exporter: APIClient) -> None:
    assert send(exporter, b"").status_code == 200
    assert send(exporter, b"{}", JSON).json() == {}


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_a_stranger_and_a_user_without_the_permission_are_turned_away(media_type: str) -> None:
    stranger = send(APIClient(), b"", media_type)
    client = APIClient()
    client.force_authenticate(UserFactory())
    user = send(client, b"", media_type)

    assert (stranger.status_code, stranger["WWW-Authenticate"], refusal(stranger)[0]) == (401, "Bearer", 16)
    assert (user.status_code, refusal(user)[0]) == (403, 7)
    assert stranger["Content-Type"] == user["Content-Type"] == media_type


def test_only_posts_are_taken(exporter: APIClient) -> None:
    response = exporter.get("/v1/traces")

    assert (response.status_code, refusal(response)[0]) == (405, 12)


@pytest.fixture
def locked_table(transactional_db: None) -> Iterator[None]:
    """Someone else has the table for himself, and we wait for nobody."""
    other = connection.copy()
    with other.cursor() as theirs, connection.cursor() as ours:
        theirs.execute("BEGIN")
        theirs.execute("LOCK TABLE test_run IN ACCESS EXCLUSIVE MODE")
        ours.execute("SET lock_timeout = '20ms'")
        yield
        ours.execute("RESET lock_timeout")
        theirs.execute("ROLLBACK")
    other.close()


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_a_sender_is_asked_to_try_again(
    logging_on: None, exporter: APIClient, locked_table: None
) -> None:
    response = send(exporter, export(span()))

    assert (response.status_code, response["Retry-After"], refusal(response)[0]) == (503, "5", 14)

    for address in ("/api/ai-runs", "/api/quality-runs"):
        response = exporter.post(address, {"items": [{"idempotencyKey": "a"}]}, format="json")

        assert (response.status_code, response["Retry-After"], response.json()["code"]) == (503, "5", "database-away")


@given(
    body=st.binary(max_size=200)
    | st.builds(lambda cut, put: export(span())[:cut] + put, st.integers(0, 200), st.binary(max_size=20))
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_it(exporter: APIClient, body: bytes) -> None:
    assert send(exporter, body).status_code in {200, 400}
    assert send(exporter, body, JSON).status_code in {200, 400}

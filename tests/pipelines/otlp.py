"""Export requests as an exporter of OpenTelemetry sends them."""

import gzip
import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

TRACE_ID = bytes.fromhex("5b8efff798038103d269b633813fc60c")
START = 1_769_860_800_000_000_000


def value(found: Any) -> AnyValue:
    match found:
        case bool():
            return AnyValue(bool_value=found)
        case int():
            return AnyValue(int_value=found)
        case float():
            return AnyValue(double_value=found)
        case bytes():
            return AnyValue(bytes_value=found)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(value, found)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(found)))
        case None:
            return AnyValue()
        case _:
            return AnyValue(string_value=found)


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(found)) for key, found in attributes.items()]


def span(number: int = 1, attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    """A call of gpt-5 that took a second and a half, unless told otherwise."""
    events = [Span.Event(name=name, attributes=pairs(about)) for name, about in fields.pop("events", ())]
    given = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"} if attributes is None else attributes
    usual: dict[str, Any] = {
        "trace_id": TRACE_ID,
        "span_id": number.to_bytes(8, "big"),
        "name": "chat gpt-5",
        "kind": Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 1_500_000_000,
    }
    return Span(**usual | fields, attributes=pairs(given), events=events)


def failed(message: str = "") -> Status:
    return Status(code=Status.STATUS_CODE_ERROR, message=message)


def export(*spans: Span, **resource: Any) -> bytes:
    """The bytes of a request."""
    about = Resource(attributes=pairs({"service.name": "design-importer", **resource}))
    scopes = [ScopeSpans(spans=spans)]
    resource_spans = [ResourceSpans(resource=about, scope_spans=scopes)]
    return bytes(ExportTraceServiceRequest(resource_spans=resource_spans).SerializeToString())


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def as_json(*spans: dict[str, Any]) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "design-importer"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()

"""The bytes of OTLP/HTTP, in both of its encodings: export requests in, responses and refusals out.

Protobuf as it is; JSON as proto3 maps it, but for the ids of traces and spans, which are hexadecimal.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from config.parsers import UnknownCompression, read_json
from config.problems import InvalidInput, PayloadTooLarge

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
LONGEST_REASON = 300
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
AT_ONCE = 64 * 1024  # bytes that are unpacked at a time; each end of a member copies what is left of them
MOST_MEMBERS = 1000
# The numbers of google.rpc.Code.
UNKNOWN = 2
IDS = {"traceId", "spanId", "parentSpanId"}
CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}


class UndecodableTraces(InvalidInput):
    code = "traces-undecodable"


def decompress(body: bytes, encoding: str) -> bytes:
    """The body as its sender had it before ``Content-Encoding``.

    Raises ``PayloadTooLarge`` past ``MAX_BYTES``, without unpacking more, and ``UndecodableTraces`` where damaged.
    """
    match encoding.strip().lower():
        case "" | "identity":
            unpacked = body
        case "gzip" | "x-gzip" | "deflate":
            unpacked = _inflate(body)
        case _:
            raise UnknownCompression(
                f"Content-Encoding {encoding[:40]!r} is not read here; send gzip or deflate, once, or none."
            )
    if len(unpacked) > MAX_BYTES:
        raise PayloadTooLarge(
            f"The traces have more than {MAX_BYTES} bytes. Export fewer spans at once (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)."
        )
    return unpacked


def read_protobuf(body: bytes) -> ExportTraceServiceRequest:
    """Raises ``UndecodableTraces`` for what is no export request."""
    try:
        request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise UndecodableTraces(f"The body is no ExportTraceServiceRequest: {error}"[:LONGEST_REASON]) from None
    return request


def read_json_traces(body: bytes) -> ExportTraceServiceRequest:
    """Raises DRF's ``ParseError`` for what is no JSON, ``UndecodableTraces`` for what is no export request in it."""
    request = ExportTraceServiceRequest()
    try:
        document = read_json(body)
        if not isinstance(document, dict):
            raise ParseError("it is no object")
        ParseDict(_with_plain_ids(document), request, ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH)
    except (ParseError, RecursionError, TypeError, ValueError) as error:
        raise UndecodableTraces(f"The body is no ExportTraceServiceRequest: {error}"[:LONGEST_REASON]) from None
    return request


def write_response(media_type: str, *, rejected: int, why: str) -> bytes:
    """The answer to an export; empty where nothing was rejected."""
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.CopyFrom(ExportTracePartialSuccess(rejected_spans=rejected, error_message=why))
    return _written(media_type, response)


def write_refusal(media_type: str, status: int, why: str) -> bytes:
    """A ``google.rpc.Status`` that says why the whole request was refused."""
    code = CODES.get(HTTPStatus(status), UNKNOWN)
    if media_type == JSON:
        return json.dumps({"code": code, "message": why}).encode()
    # Status begins as ExportTracePartialSuccess is: a number under 1, a text under 2. It has no class of its own here.
    return _written(PROTOBUF, ExportTracePartialSuccess(rejected_spans=code, error_message=why))


def _written(media_type: str, message: Message) -> bytes:
    return bytes(
        message.SerializeToString() if media_type == PROTOBUF else MessageToJson(message, indent=None).encode()
    )


def _inflate(body: bytes) -> bytes:
    """All members, one after another (RFC 1952, 2.2), or a little more than ``MAX_BYTES`` of them."""
    unpacked, reached = bytearray(), 0
    try:
        for _ in range(MOST_MEMBERS):
            member = zlib.decompressobj(GZIP_OR_ZLIB)
            while not member.eof and reached < len(body) and len(unpacked) <= MAX_BYTES:
                piece = body[reached : reached + AT_ONCE]
                unpacked += member.decompress(piece, MAX_BYTES + 1 - len(unpacked))
                reached += len(piece) - len(member.unconsumed_tail) - len(member.unused_data)
            if len(unpacked) > MAX_BYTES or (member.eof and reached == len(body)):
                return bytes(unpacked)
            if not member.eof:
                raise UndecodableTraces("The compressed body ends too early.")
    except zlib.error as error:
        raise UndecodableTraces(f"The compressed body is damaged, or has something after its end: {error}") from None
    raise UndecodableTraces(f"The compressed body has more than {MOST_MEMBERS} members. Pack it as one.")


def _with_plain_ids(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the ids of its spans as base64, which is what proto3's mapping expects of bytes."""
    for resource_spans in _members([document], "resourceSpans"):
        for span in _members(_members([resource_spans], "scopeSpans"), "spans"):
            for name in IDS & span.keys():
                span[name] = b64encode(bytes.fromhex(span[name] or "")).decode()
            span.pop("links", None)
    return document


def _members(parents: Iterable[Any], name: str) -> Iterator[dict[str, Any]]:
    """The objects in the lists of that name; what is no object is left for the decoder to refuse."""
    for parent in parents:
        listed = parent.get(name) if isinstance(parent, dict) else None
        yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()

"""Where exporters of OpenTelemetry traces send them: OTLP/HTTP, in protobuf and in JSON."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from config.permissions import holds
from config.problems import PayloadTooLarge
from pipelines.api.recording import PERMISSION, TriesAgain
from pipelines.api.requests import signed_in
from pipelines.otlp import encoding
from pipelines.otlp.encoding import JSON, MAX_BYTES, PROTOBUF
from pipelines.otlp.services import record_spans


class ProtobufTracesParser(BaseParser):
    """An export request, packed or not."""

    media_type = PROTOBUF
    read = staticmethod(encoding.read_protobuf)

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> ExportTraceServiceRequest:
        """Raises ``PayloadTooLarge`` before it has read, or unpacked, much more than ``MAX_BYTES``."""
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise PayloadTooLarge(f"The body has more than {MAX_BYTES} bytes. Export fewer spans at once.")
        request = (parser_context or {})["request"]
        return self.read(encoding.decompress(body, request.headers.get("Content-Encoding", "")))


class JSONTracesParser(ProtobufTracesParser):
    media_type = JSON
    read = staticmethod(encoding.read_json_traces)


class AsTheRequest(BaseContentNegotiation):
    """OTLP answers in the request's encoding, whatever the Accept header says."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class TracesView(TriesAgain, APIView):
    """Takes spans. OTLP has a description of its own, so this is not in the API's."""

    permission_classes = (holds(PERMISSION),)
    parser_classes = (ProtobufTracesParser, JSONTracesParser)
    content_negotiation_class = AsTheRequest

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        """Record the calls of a model among the spans; the others are accepted and left alone."""
        sent = request.data
        # A body of no bytes, which protobuf has for no spans, does not reach the parser.
        export = sent if isinstance(sent, ExportTraceServiceRequest) else ExportTraceServiceRequest()
        outcome = record_spans(request=export, user_id=signed_in(request).pk)
        media_type = _media_type(request)
        body = encoding.write_response(media_type, rejected=outcome.rejected, why=outcome.why)
        return HttpResponse(body, content_type=media_type)

    def handle_exception(self, exc: Exception) -> Any:
        """As everywhere, but told as a ``google.rpc.Status``."""
        response = super().handle_exception(exc)
        media_type = _media_type(self.request)
        problem = json.loads(response.content)
        response.content = encoding.write_refusal(media_type, response.status_code, problem["detail"])
        response["Content-Type"] = media_type
        return response


def _media_type(request: Request) -> str:
    return JSON if (request.content_type or "").lower().startswith(JSON) else PROTOBUF

"""Where other software hands in its runs: one of them, or a batch with a verdict for each."""

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.outages import is_outage
from config.parsers import BatchJSONParser
from config.permissions import holds
from config.problems import DomainError, InvalidInput, PayloadTooLarge, problem_body
from pipelines.api.requests import signed_in
from pipelines.recording import items
from pipelines.recording.services import (
    MAX_ITEMS,
    Outcome,
    Recorded,
    Sender,
    Source,
    record_ai_runs,
    record_quality_runs,
)

logger = logging.getLogger(__name__)

PERMISSION = "monitoring.record_testrun"
RETRY_AFTER_SECONDS = 5


class TooManyItems(PayloadTooLarge):
    code = "too-many-items"


class DatabaseAway(DomainError):
    code = "database-away"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class TriesAgain:
    """A view whose senders are asked to send again where the database is away. It stands before ``APIView``.

    Whatever is taken in has a key, so that it may have been kept the first time.
    """

    def handle_exception(self, exc: Exception) -> Any:
        away = is_outage(exc)
        if away:
            logger.warning("the database is away, so a sender is asked to try again: %s", str(exc).strip())
            exc = DatabaseAway("The database is away. Send the same again in a moment.")
        response = super().handle_exception(exc)  # type: ignore[misc]
        if away:
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response


class RecordedRunSerializer(serializers.Serializer[Any]):
    """Where a run is kept. ``logged`` is false where the audit log has no entry, as logging was off when it came."""

    idempotencyKey = serializers.CharField()
    created = serializers.BooleanField(help_text="False where it was recorded before.")
    logged = serializers.BooleanField()
    testRunId = serializers.UUIDField(allow_null=True)
    promptDataId = serializers.UUIDField(allow_null=True)
    promptResultId = serializers.UUIDField(allow_null=True)


class ItemVerdictSerializer(serializers.Serializer[Any]):
    """What became of one item of a batch: ``run`` or ``problem``."""

    status = serializers.IntegerField(help_text="201 recorded, 200 recorded before, 4xx refused.")
    run = RecordedRunSerializer(required=False)
    problem = serializers.JSONField(required=False, help_text="Problem details; its errors point into the body.")


class VerdictsSerializer(serializers.Serializer[Any]):
    """One verdict for each item, in their order."""

    results = ItemVerdictSerializer(many=True)


def _request(kind: items.Kind) -> dict[str, Any]:
    """What a body can be, for the description: a run, or ``{items: [runs]}``."""
    document = items.schema(kind)
    run = _inlined({name: value for name, value in document.items() if name not in ("$schema", "$defs")}, document)
    batch = {
        "title": f"{document['title']}s",
        "type": "object",
        "required": ["items"],
        "additionalProperties": False,
        "properties": {"items": {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS, "items": run}},
    }
    return {"application/json": {"oneOf": [run, batch]}}


def _inlined(schema: Any, document: Mapping[str, Any]) -> Any:
    """The schema with its references replaced by what they point at: a description has another root."""
    if isinstance(schema, list):
        return [_inlined(one, document) for one in schema]
    if not isinstance(schema, dict):
        return schema
    target = document["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
    return {name: _inlined(value, document) for name, value in {**target, **schema}.items() if name != "$ref"}


RESPONSES: dict[Any, Any] = {
    201: RecordedRunSerializer,
    200: OpenApiResponse(RecordedRunSerializer, description="The run was recorded before; nothing was changed."),
    207: VerdictsSerializer,
    422: OpenApiResponse(description="The key stands for another run: `idempotency-key-reused`."),
    503: OpenApiResponse(description="The database is away; send the same again after `Retry-After` seconds."),
}


class RecordView(TriesAgain, APIView):
    """Takes a run or a batch of them. What it says was recorded is committed."""

    permission_classes = (holds(PERMISSION),)
    parser_classes = (BatchJSONParser,)
    record: Callable[..., list[Outcome]]

    def _take(self, request: Request) -> Response:
        sender = Sender(signed_in(request).pk, Source.API)
        body = request.data
        if not isinstance(body, dict) or "items" not in body:
            [outcome] = self.record(sent=[body], sender=sender)
            if isinstance(outcome, DomainError):
                raise outcome
            return Response(_shown(outcome), status=HTTPStatus.CREATED if outcome.created else HTTPStatus.OK)
        outcomes = self.record(sent=_batch(body), sender=sender)
        verdicts = [_verdict(outcome, f"/items/{index}") for index, outcome in enumerate(outcomes)]
        return Response({"results": verdicts}, status=HTTPStatus.MULTI_STATUS)


class AIRunsView(RecordView):
    """AI runs of other software."""

    record = staticmethod(record_ai_runs)

    @extend_schema(operation_id="aiRunsRecord", request=_request("ai"), responses=RESPONSES)
    def post(self, request: Request) -> Response:
        """Record an AI run, or up to 500 as `{"items": [...]}`: what went in, what came out, and what it took.

        Each has an `idempotencyKey`; sending it again changes nothing and answers with the same ids.
        """
        return self._take(request)


class QualityRunsView(RecordView):
    """Quality runs of other software."""

    record = staticmethod(record_quality_runs)

    @extend_schema(operation_id="qualityRunsRecord", request=_request("quality"), responses=RESPONSES)
    def post(self, request: Request) -> Response:
        """Record a judgement of a design, an artifact or a module, or up to 500 as `{"items": [...]}`.

        Each has an `idempotencyKey`; sending it again changes nothing and answers with the same ids.
        """
        return self._take(request)


def _batch(body: Mapping[str, Any]) -> Sequence[Any]:
    sent = body["items"]
    if len(body) > 1 or not isinstance(sent, list) or not sent:
        raise InvalidInput('A batch is {"items": [...]} with at least one run, and nothing beside.')
    if len(sent) > MAX_ITEMS:
        raise TooManyItems(f"A batch has at most {MAX_ITEMS} items; this one has {len(sent)}. Send several.")
    return sent


def _verdict(outcome: Outcome, pointer: str) -> dict[str, Any]:
    if isinstance(outcome, Recorded):
        status = HTTPStatus.CREATED if outcome.created else HTTPStatus.OK
        return {"status": status, "run": _shown(outcome)}
    errors = [{**error, "path": pointer + error.get("path", "")} for error in outcome.errors]
    errors = errors or [{"path": pointer, "code": outcome.code, "message": outcome.message}]
    return {
        "status": outcome.status,
        "problem": problem_body(outcome.status, outcome.code, outcome.message, errors=errors),
    }


def _shown(recorded: Recorded) -> dict[str, Any]:
    return {
        "idempotencyKey": recorded.key,
        "created": recorded.created,
        "logged": recorded.test_run_id is not None,
        "testRunId": recorded.test_run_id,
        "promptDataId": recorded.prompt_data_id,
        "promptResultId": recorded.prompt_result_id,
    }

"""The registry's endpoints: one resource over both tables, since a version is the same thing whatever its owner."""

import uuid
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from config.problems import InvalidInput
from ir_schemas import deriving, selectors, services
from ir_schemas.active import Contract
from ir_schemas.api import serializers
from ir_schemas.api.filters import SchemaVersionFilter
from ir_schemas.api.parsers import Body, StrictJSONParser
from ir_schemas.api.permissions import OVERRIDE, RegistryPermission
from ir_schemas.diff import diff_schemas
from ir_schemas.errors import NothingToCompare, UnguardedUpdate
from ir_schemas.models import IRSchema, IRSchemaDefinition, ValidationOutcome
from ir_schemas.replay import replay
from ir_schemas.validation import SchemaFinding, ValidationReport

AnyVersion = IRSchema | IRSchemaDefinition
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="Of this state; for If-Match."
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag that the version was read with."
)
AGAINST = OpenApiParameter(
    "against", {"type": "string", "format": "uuid"}, description="A version; else that in force."
)
TARGET = OpenApiParameter("target", str, enum=["typescript", "pydantic", "strict"], required=True)
COLUMNS = {"promptId": "prompt_id", "processId": "process_id", "stepVersionId": "step_version_id"}
SKIPPED: dict[str, Any] = {
    "valid": None,
    "outcome": ValidationOutcome.SKIPPED,
    "errorCount": 0,
    "errors": [],
    "countsByCode": {},
    "countsByPath": {},
    "truncated": False,
    "schemaId": None,
    "version": None,
    "engine": None,
    "engineVersion": None,
    "durationMs": 0.0,
}


class IRSchemaViewSet(GenericViewSet[Any]):
    """Versions of the contracts of step versions, prompts and processes, in one list."""

    queryset = IRSchema.objects.all()
    lookup_value_converter = "uuid"
    parser_classes = (StrictJSONParser,)
    permission_classes = (RegistryPermission,)
    serializer_class = serializers.SchemaVersionSerializer
    filterset_class = SchemaVersionFilter

    def get_object(self) -> AnyVersion:
        return self._version(self.kwargs["pk"])

    @extend_schema(responses=serializers.SchemaVersionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Versions, the newest first, without their schemas."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(serializers.SchemaVersionSerializer(page, many=True).data)

    @extend_schema(responses=serializers.SchemaDetailSerializer, parameters=[ETAG])
    def retrieve(self, request: Request, pk: Any) -> Response:
        """A version with its schema and the text it was written as."""
        version = self.get_object()
        return Response(serializers.SchemaDetailSerializer(version).data, headers={"ETag": version.etag})

    @extend_schema(
        request=serializers.SchemaCreateSerializer,
        parameters=[ETAG],
        responses={
            201: serializers.WrittenSchemaSerializer,
            409: OpenApiResponse(description="The owner has this very schema already: `schema-identical`."),
        },
    )
    def create(self, request: Request) -> Response:
        """Keep a schema as the next draft of its owner."""
        given = _read(serializers.SchemaCreateSerializer, request)
        owner = selectors.get_owner(**{COLUMNS[name]: given.pop(name) for name in serializers.OWNERS if name in given})
        table = services.model_for(owner)
        self.check_object_permissions(request, table)
        warnings = services.check_schema(given["schema"])
        if table is IRSchemaDefinition:
            given.setdefault("name", str(owner))
        else:
            _refuse_name(given)
        version = services.create_version(
            model=table, owner=owner, source=_text_of("schema", request), created_by=_user(request), **given
        )
        location = reverse("ir-schemas-detail", args=[version.pk], request=request)
        return _written(version, warnings, status=HTTPStatus.CREATED, location=location)

    @extend_schema(
        request=serializers.SchemaEditSerializer,
        parameters=[IF_MATCH, ETAG],
        responses={
            200: serializers.WrittenSchemaSerializer,
            409: OpenApiResponse(description="`schema-version-immutable` or `schema-identical`."),
            412: OpenApiResponse(description="Somebody changed the version since: `schema-changed-meanwhile`."),
            428: OpenApiResponse(description="There is no If-Match header: `if-match-missing`."),
        },
    )
    def update(self, request: Request, pk: Any) -> Response:
        """Edit a draft, or the description of any version."""
        version = self.get_object()
        etag = _if_match(request, version)
        changes = _read(serializers.SchemaEditSerializer, request)
        if isinstance(version, IRSchema):
            _refuse_name(changes)
        warnings = []
        if "schema" in changes:
            warnings = services.check_schema(changes["schema"])
            changes["source"] = _text_of("schema", request)
        version = services.update_version(schema=version, changes=changes, etag=etag, updated_by=_user(request))
        return _written(version, warnings)

    @extend_schema(
        request=serializers.ActivateSerializer,
        parameters=[ETAG],
        responses={
            200: serializers.SchemaDetailSerializer,
            409: OpenApiResponse(
                description="`schema-already-active`, or `schema-incompatible` with its line's level."
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: Any) -> Response:
        """Put a version in force and retire the one that was. An earlier version put in force is the rollback."""
        given = _read(serializers.ActivateSerializer, request)
        if given["overrideCompatibility"] and not request.user.has_perm(OVERRIDE):
            raise PermissionDenied
        version = services.activate_version(
            schema=self.get_object(),
            activated_by=_user(request),
            reason=given["reason"],
            override=given["overrideCompatibility"],
        )
        return Response(serializers.SchemaDetailSerializer(version).data, headers={"ETag": version.etag})

    @extend_schema(
        request=serializers.DeactivateSerializer,
        parameters=[ETAG],
        responses={
            200: serializers.SchemaDetailSerializer,
            409: OpenApiResponse(description="The version is not in force: `schema-not-active`."),
        },
    )
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: Any) -> Response:
        """Retire the version in force without a successor. Nothing is checked for its owner then."""
        given = _read(serializers.DeactivateSerializer, request)
        version = services.deactivate(schema=self.get_object(), deactivated_by=_user(request), reason=given["reason"])
        return Response(serializers.SchemaDetailSerializer(version).data, headers={"ETag": version.etag})

    @extend_schema(request=serializers.ValidateSerializer, responses=serializers.ValidationReportSerializer)
    @action(detail=False, methods=["post"])
    def validate(self, request: Request) -> Response:
        """Check a document. An invalid one is an answer like any other, with status 200."""
        given = _read(serializers.ValidateSerializer, request)
        check = partial(services.validate_json, given.pop("data"), checked=True, source_text=_text_of("data", request))
        if "schema" in given:
            report, contract = check(schema=given["schema"])
        elif "schemaId" in given:
            report, contract = check(schema_id=self._version(given["schemaId"]).pk)
        else:
            owner = {COLUMNS[name]: key for name, key in given.items()}
            self.check_object_permissions(request, IRSchema if "step_version_id" in owner else IRSchemaDefinition)
            report, contract = check(**owner)
            if contract is None:
                selectors.get_owner(**owner)
        return Response(_report(report, contract))

    @extend_schema(
        request=serializers.CompareSerializer,
        responses={
            200: serializers.ComparisonSerializer,
            409: OpenApiResponse(description="No other version is in force: `schema-nothing-to-compare`."),
        },
    )
    @action(detail=True, methods=["post"])
    def compatibility(self, request: Request, pk: Any) -> Response:
        """Say which documents putting this version in force would break, with a document that shows it."""
        given = _read(serializers.CompareSerializer, request)
        version = self.get_object()
        against = self._against(version, given.get("against"))
        comparison = services.compare_versions(against, version, reading=given["reading"])
        level = services.required_level(services.owner_of(version))
        answer = {
            "against": _named(against),
            **comparison.as_json(),
            "level": level,
            "keepsLevel": not services.broken_directions(level, comparison),
        }
        return Response(answer)

    @extend_schema(request=serializers.ReplayRequestSerializer, responses=serializers.ReplaySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Check the last documents of this version's owner, and count those that would newly fail and newly pass."""
        given = _read(serializers.ReplayRequestSerializer, request)
        return Response(replay(self.get_object(), last=given["last"]).as_json())

    @extend_schema(
        parameters=[AGAINST],
        responses={
            200: serializers.DiffSerializer,
            409: OpenApiResponse(description="No other version is in force: `schema-nothing-to-compare`."),
        },
    )
    @action(detail=True)
    def diff(self, request: Request, pk: Any) -> Response:
        """What differs from another version, place by place."""
        version = self.get_object()
        against = self._against(version, request.query_params.get("against"))
        differences = [difference.as_json() for difference in diff_schemas(against.schema, version.schema)]
        return Response({"against": _named(against), "differences": differences})

    @extend_schema(request=serializers.InferSerializer, responses=serializers.InferredSerializer)
    @action(detail=False, methods=["post"])
    def infer(self, request: Request) -> Response:
        """Propose a schema that all the documents are valid under. Nothing is stored."""
        given = _read(serializers.InferSerializer, request)
        schema = deriving.infer(given["documents"], closed=given["closed"])
        return Response({"schema": schema, "documentCount": len(given["documents"])})

    @extend_schema(
        responses={
            200: serializers.ExampleSerializer,
            409: OpenApiResponse(description="No document was found that it accepts: `schema-not-derivable`."),
        }
    )
    @action(detail=True)
    def example(self, request: Request, pk: Any) -> Response:
        """A document that is valid under the version."""
        return Response({"document": deriving.example(self.get_object())})

    @extend_schema(
        parameters=[TARGET],
        responses={
            200: serializers.ExportSerializer,
            409: OpenApiResponse(description="It cannot be said in that form: `schema-not-derivable`."),
        },
    )
    @action(detail=True)
    def export(self, request: Request, pk: Any) -> Response:
        """The version as TypeScript, as Pydantic models, or in the subset that structured-output APIs take."""
        return Response(deriving.export(self.get_object(), request.query_params.get("target", "")))

    def _version(self, key: Any) -> AnyVersion:
        version = selectors.get_by_id(key)
        self.check_object_permissions(self.request, version)
        return version

    def _against(self, version: AnyVersion, named: Any) -> AnyVersion:
        """The version that is named to compare with, or the one in force. Raises ``NothingToCompare``."""
        if named:
            return self._version(_uuid(named))
        in_force = services.in_force_beside(version)
        if in_force is None:
            raise NothingToCompare("No other version of this line is in force. Name one to compare with in `against`.")
        return in_force


def _read(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    reading = serializer(data=request.data)
    reading.is_valid(raise_exception=True)
    return dict(reading.validated_data)


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - nobody else has a permission
    return request.user


def _text_of(member: str, request: Request) -> str:
    assert isinstance(request.data, Body)  # noqa: S101 - a serializer has taken it for an object
    return request.data.text_of(member)


def _uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        raise InvalidInput("`against` is the id of a version, a UUID.") from None


def _refuse_name(given: dict[str, Any]) -> None:
    if "name" in given:
        raise InvalidInput("A step's schema has no name of its own; leave `name` out.")


def _if_match(request: Request, version: AnyVersion) -> str | None:
    """The ETag that the version must still have; None for ``*``. Raises ``UnguardedUpdate``."""
    tags = parse_etags(request.headers.get("If-Match", ""))
    if not tags:
        raise UnguardedUpdate("Send the ETag that you read the version with as If-Match, so that no edit is lost.")
    if tags == ["*"]:
        return None
    return version.etag if version.etag in tags else tags[0]


def _written(
    version: AnyVersion, warnings: Sequence[SchemaFinding], *, status: int = HTTPStatus.OK, location: str = ""
) -> Response:
    body = serializers.SchemaDetailSerializer(version).data
    body["warnings"] = [finding.as_json() for finding in warnings]
    headers = {"ETag": version.etag} | ({"Location": location} if location else {})
    return Response(body, status=status, headers=headers)


def _named(version: AnyVersion) -> dict[str, Any]:
    return {"id": version.pk, "version": version.version, "state": version.state}


def _report(report: ValidationReport | None, contract: Contract | None) -> dict[str, Any]:
    if report is None:
        return dict(SKIPPED)
    outcome = ValidationOutcome.VALID if report.valid else ValidationOutcome.INVALID
    judged_by = {"schemaId": contract and contract.schema_id, "version": contract and contract.version}
    return {**report.as_json(), "outcome": outcome, **judged_by}

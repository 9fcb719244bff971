"""Ground truth and its sets, over HTTP."""

import uuid
from http import HTTPStatus
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.filters import SwitchFilter, TextFilter, refuse_strange_parameters, switch_parameter
from config.parsers import LinesParser
from config.permissions import holds
from config.problems import InvalidInput
from config.renderers import LinesRenderer
from feedback import ground_truth
from feedback.comparing import MOST_DIFFERENCES, compare
from feedback.ground_truth_lines import export_lines, import_lines
from feedback.models import GroundTruth, GroundTruthSet
from feedback.permissions import CURATE

MOST_ITEMS = 1_000
LINES = "application/x-ndjson"
AGAINST = OpenApiParameter("against", int, description="A version of the same answer; else the one before.")
SCOPE = OpenApiParameter(
    "scope", {"type": "string", "minLength": 1}, required=True, description="A node of a pipeline, or a process."
)
DRY_RUN = OpenApiParameter("dryRun", bool, description="`true`: check every line, give the counts, keep nothing.")
FROZEN = OpenApiResponse(description="It is frozen, `ground-truth-set-frozen`, or `ground-truth-set-in-use`.")


class GroundTruthSerializer(serializers.ModelSerializer[GroundTruth]):
    referenceId = serializers.CharField(source="reference_id", read_only=True)
    reviewFeedbackId = serializers.UUIDField(source="feedback_id", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = GroundTruth
        fields = ("id", "scope", "referenceId", "version", "data", "provenance", "reviewFeedbackId", "createdAt")
        read_only_fields = fields


class NewGroundTruthSerializer(serializers.Serializer[Any]):
    scope = serializers.CharField(max_length=80, help_text="A node of a pipeline, or a process.")
    referenceId = serializers.CharField(max_length=200, help_text="What it is the answer for: the hash of a design.")
    data = serializers.JSONField(  # type: ignore[assignment]
        help_text="The answer. It must fit a schema in force for the scope, if there is one."
    )
    provenance = serializers.DictField(
        required=False,
        default=dict,
        help_text="Where it is from, in your words. Evaluations read `designSplitId`, a UUID, and `inputs`, an object: "
        "what the run began with.",
    )


class GroundTruthSetSerializer(serializers.ModelSerializer[GroundTruthSet]):
    frozenAt = serializers.DateTimeField(source="frozen_at", read_only=True, allow_null=True)
    itemCount = serializers.IntegerField(source="item_count", read_only=True, default=0)
    tags = serializers.ListField(child=serializers.CharField(max_length=80), max_length=20, required=False)

    class Meta:
        model = GroundTruthSet
        fields = ("id", "key", "name", "description", "tags", "frozenAt", "itemCount")
        read_only_fields = ("id",)


class GroundTruthSetChangeSerializer(serializers.ModelSerializer[GroundTruthSet]):
    tags = serializers.ListField(child=serializers.CharField(max_length=80), max_length=20, required=False)

    class Meta:
        model = GroundTruthSet
        fields = ("key", "name", "description", "tags")


class GroundTruthDifferenceSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(help_text="`added`, `removed` or `changed`.")
    path = serializers.CharField(help_text="JSON Pointer.")
    before = serializers.JSONField(required=False)
    after = serializers.JSONField(required=False)


class GroundTruthComparisonSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    against = serializers.IntegerField()
    differences = GroundTruthDifferenceSerializer(many=True)
    isCut = serializers.BooleanField(help_text=f"Whether there are more than these {MOST_DIFFERENCES}.")


class ImportedSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField(help_text="Versions that are new.")
    unchanged = serializers.IntegerField(help_text="Versions that were there already.")


class SetItemsSerializer(serializers.Serializer[Any]):
    groundTruthIds = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_ITEMS)


class GroundTruthFilter(filters.FilterSet):  # type: ignore[misc]
    scope = TextFilter()
    referenceId = TextFilter(field_name="reference_id")
    setKey = TextFilter(field_name="sets__key")


class GroundTruthSetFilter(filters.FilterSet):  # type: ignore[misc]
    key = TextFilter()
    tag = TextFilter(method="filter_tag", help_text="One of its tags.")
    frozen = SwitchFilter(method="filter_frozen", help_text="`true`: only frozen sets. `false`: only others.")

    def filter_tag(self, sets: QuerySet[GroundTruthSet], name: str, value: str) -> QuerySet[GroundTruthSet]:
        return sets.filter(tags__contains=[value])

    def filter_frozen(self, sets: QuerySet[GroundTruthSet], name: str, value: bool) -> QuerySet[GroundTruthSet]:
        return sets.filter(frozen_at__isnull=not value)


class GroundTruthViewSet(ReadOnlyModelViewSet[GroundTruth]):
    """Accepted answers by scope and reference, every version."""

    queryset = GroundTruth.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = GroundTruthSerializer
    filterset_class = GroundTruthFilter

    @extend_schema(
        request=NewGroundTruthSerializer,
        responses={
            201: GroundTruthSerializer,
            400: OpenApiResponse(
                description="It breaks the schemas in force for its scope: `ground-truth-invalid`, with the places in "
                "`errors`; or its provenance has a `designSplitId` that is no UUID, or `inputs` that are no object."
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Write an answer by hand. It becomes the next version of its scope and reference."""
        given = NewGroundTruthSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        truth = ground_truth.write_version(
            scope=given.validated_data["scope"],
            reference_id=given.validated_data["referenceId"],
            data=given.validated_data["data"],
            provenance=given.validated_data["provenance"],
            created_by=cast(User, request.user),
        )
        location = reverse("groundtruth-detail", args=[truth.pk], request=request)
        return Response(self.get_serializer(truth).data, status=HTTPStatus.CREATED, headers={"Location": location})

    @extend_schema(parameters=[AGAINST], responses=GroundTruthComparisonSerializer)
    @action(detail=True)
    def compare(self, request: Request, pk: uuid.UUID) -> Response:
        """What changed since the version before, or since the one that `against` numbers."""
        truth = self.get_object()
        found = compare(truth, request.query_params.get("against"))
        return Response(
            {
                "version": truth.version,
                "against": found.other.version,
                "differences": found.differences,
                "isCut": found.is_cut,
            }
        )

    @extend_schema(operation_id="groundTruthExport", parameters=[SCOPE], responses={(200, LINES): OpenApiTypes.STR})
    @action(detail=False, renderer_classes=[LinesRenderer], filterset_class=None, pagination_class=None)
    def export(self, request: Request) -> StreamingHttpResponse:
        """Every version of one scope as JSONL, one a line."""
        refuse_strange_parameters(request, ["scope"])
        scope = request.query_params.get("scope")
        if scope is None:
            raise InvalidInput("Name the scope whose answers are wanted: ?scope=split.")
        return _as_file(GroundTruth.objects.filter(scope=scope), name="ground-truth")


def _as_file(truths: QuerySet[GroundTruth], *, name: str) -> StreamingHttpResponse:
    disposition = f'attachment; filename="{name}.jsonl"'
    lines = (f"{line}\n" for line in export_lines(truths))
    return StreamingHttpResponse(lines, content_type=LINES, headers={"Content-Disposition": disposition})


class GroundTruthSetViewSet(CreateModelMixin, ReadOnlyModelViewSet[GroundTruthSet]):
    """Sets of ground truth to evaluate on. A frozen set stays as it is."""

    queryset = GroundTruthSet.objects.annotate(item_count=Count("items"))
    lookup_value_converter = "uuid"
    serializer_class = GroundTruthSetSerializer
    filterset_class = GroundTruthSetFilter

    @extend_schema(request=GroundTruthSetChangeSerializer, responses={200: GroundTruthSetSerializer, 409: FROZEN})
    def partial_update(self, request: Request, pk: uuid.UUID) -> Response:
        """Give a set that is not frozen another name, description, tags or key."""
        truth_set = self.get_object()
        reading = GroundTruthSetChangeSerializer(truth_set, data=request.data, partial=True)
        reading.is_valid(raise_exception=True)
        ground_truth.change_set(truth_set=truth_set, **reading.validated_data)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={204: None, 409: FROZEN})
    def destroy(self, request: Request, pk: uuid.UUID) -> Response:
        """Take a set that is not frozen away. The ground truth in it stays."""
        ground_truth.delete_set(truth_set=self.get_object())
        return Response(status=HTTPStatus.NO_CONTENT)

    @extend_schema(request=SetItemsSerializer, responses={200: GroundTruthSetSerializer, 409: FROZEN})
    @action(detail=True, methods=["post"], url_path="take-out", permission_classes=[holds(CURATE)])
    def take_out(self, request: Request, pk: uuid.UUID) -> Response:
        """Take ground truth out of the set. What is not in it is passed over."""
        given = SetItemsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ground_truth.take_out_of_set(truth_set=self.get_object(), ids=given.validated_data["groundTruthIds"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={(200, LINES): OpenApiTypes.STR})
    @action(
        detail=True,
        renderer_classes=[LinesRenderer],
        permission_classes=[holds("feedback.view_groundtruth")],
    )
    def export(self, request: Request, pk: uuid.UUID) -> StreamingHttpResponse:
        """What the set holds as JSONL, one version a line."""
        truth_set = self.get_object()
        return _as_file(truth_set.members.all(), name=truth_set.key)

    @extend_schema(
        operation_id="ground_truth_sets_import",
        parameters=[DRY_RUN],
        request={LINES: OpenApiTypes.STR},
        responses={
            200: ImportedSerializer,
            400: OpenApiResponse(
                description="Nothing was taken in: `ground-truth-import-refused`, with the reasons by line in `errors`."
            ),
            409: FROZEN,
        },
    )
    @action(
        detail=True,
        methods=["post"],
        url_path="import",
        parser_classes=[LinesParser],
        permission_classes=[holds(CURATE)],
    )
    @transaction.atomic
    def take_in(self, request: Request, pk: uuid.UUID) -> Response:
        """Take JSONL in and put it into the set: all lines or none. Sent again, it changes nothing."""
        is_rehearsal = switch_parameter(request, "dryRun")
        lines: Any = request.data
        imported = import_lines(lines, truth_set=self.get_object())
        transaction.set_rollback(is_rehearsal)
        return Response({"created": imported.created, "unchanged": imported.unchanged})

    @extend_schema(request=SetItemsSerializer, responses={200: GroundTruthSetSerializer, 409: FROZEN})
    @action(detail=True, methods=["post"], permission_classes=[holds(CURATE)])
    def items(self, request: Request, pk: uuid.UUID) -> Response:
        """Put versions into the set, each in place of another version of its answer."""
        given = SetItemsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ids = set(given.validated_data["groundTruthIds"])
        truths = list(GroundTruth.objects.filter(pk__in=ids))
        if len(truths) < len(ids):
            unknown = sorted(map(str, ids - {truth.pk for truth in truths}))
            raise InvalidInput(f"There is no ground truth {unknown[0]}. Nothing was put into the set.")
        ground_truth.put_into_set(truth_set=self.get_object(), truths=truths)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses={200: GroundTruthSetSerializer, 409: FROZEN})
    @action(detail=True, methods=["post"], permission_classes=[holds(CURATE)])
    def freeze(self, request: Request, pk: uuid.UUID) -> Response:
        """Let the set stay as it is, for good."""
        ground_truth.freeze(truth_set=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

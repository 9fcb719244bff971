"""Ground truth and its sets, over HTTP."""

import uuid
from typing import Any

from django.db.models import Count
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.filters import TextFilter
from config.permissions import holds
from config.problems import InvalidInput
from feedback import ground_truth
from feedback.models import GroundTruth, GroundTruthSet
from feedback.permissions import CURATE

MOST_ITEMS = 1_000


class GroundTruthSerializer(serializers.ModelSerializer[GroundTruth]):
    referenceId = serializers.CharField(source="reference_id", read_only=True)
    reviewFeedbackId = serializers.UUIDField(source="feedback_id", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = GroundTruth
        fields = ("id", "scope", "referenceId", "version", "data", "provenance", "reviewFeedbackId", "createdAt")
        read_only_fields = fields


class GroundTruthSetSerializer(serializers.ModelSerializer[GroundTruthSet]):
    frozenAt = serializers.DateTimeField(source="frozen_at", read_only=True, allow_null=True)
    itemCount = serializers.IntegerField(source="item_count", read_only=True, default=0)
    tags = serializers.ListField(child=serializers.CharField(max_length=80), max_length=20, required=False)

    class Meta:
        model = GroundTruthSet
        fields = ("id", "key", "name", "description", "tags", "frozenAt", "itemCount")
        read_only_fields = ("id",)


class SetItemsSerializer(serializers.Serializer[Any]):
    groundTruthIds = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_ITEMS)


class GroundTruthFilter(filters.FilterSet):  # type: ignore[misc]
    scope = TextFilter()
    referenceId = TextFilter(field_name="reference_id")
    setKey = TextFilter(field_name="sets__key")


class GroundTruthViewSet(ReadOnlyModelViewSet[GroundTruth]):
    """Accepted answers by scope and reference, every version."""

    queryset = GroundTruth.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = GroundTruthSerializer
    filterset_class = GroundTruthFilter


class GroundTruthSetViewSet(CreateModelMixin, ReadOnlyModelViewSet[GroundTruthSet]):
    """Sets of ground truth to evaluate on. A frozen set stays as it is."""

    queryset = GroundTruthSet.objects.annotate(item_count=Count("items"))
    lookup_value_converter = "uuid"
    serializer_class = GroundTruthSetSerializer

    @extend_schema(request=SetItemsSerializer, responses=GroundTruthSetSerializer)
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

    @extend_schema(request=None, responses=GroundTruthSetSerializer)
    @action(detail=True, methods=["post"], permission_classes=[holds(CURATE)])
    def freeze(self, request: Request, pk: uuid.UUID) -> Response:
        """Let the set stay as it is, for good."""
        ground_truth.freeze(truth_set=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

"""Evaluations: started, followed, read, cancelled."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.permissions import holds
from feedback.models import Evaluation
from pipelines.api import filters
from pipelines.api.requests import read_body, signed_in
from pipelines.api.serializers import evaluations as serializers
from pipelines.review.evaluating.named import named
from pipelines.review.evaluating.services import RELATIONS, begin_evaluation, cancel_evaluation, carry_on

CHANGED = OpenApiParameter("changed", bool, description="`true`: only answers that score otherwise than before.")


class EvaluationViewSet(ReadOnlyModelViewSet[Evaluation]):
    """Versions of pipelines and prompts on sets of ground truth, the newest first."""

    queryset = Evaluation.objects.select_related(*RELATIONS)
    lookup_value_converter = "uuid"
    filterset_class = filters.EvaluationFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        unread = ("version__dag", "baseline_version__dag", "prompt__content", "baseline_prompt__content")
        return rows.defer("report", *unread) if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        single = self.action != "list"
        return serializers.EvaluationDetailSerializer if single else serializers.EvaluationSerializer

    @extend_schema(
        operation_id="evaluationsCreate",
        request=serializers.NewEvaluationSerializer,
        responses={
            200: OpenApiResponse(serializers.EvaluationDetailSerializer, "The same is under way already; this is it."),
            201: serializers.EvaluationDetailSerializer,
            409: OpenApiResponse(
                description="`ground-truth-not-evaluable`, `pipeline-has-no-active-version` or "
                "`pipeline-logging-disabled`."
            ),
        },
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start one. The answer comes as soon as its rows are there; follow it by its address."""
        given = read_body(serializers.NewEvaluationSerializer, request)
        number = given.get("version")
        wanted = named(
            set_key=given["set"],
            pipeline=f"{given['pipeline']}@{number}" if number else given["pipeline"],
            prompt=given.get("prompt") or None,
            against=given.get("against"),
        )
        evaluation = begin_evaluation(**wanted, started_by=signed_in(request))
        location = reverse("evaluation-detail", args=[evaluation.pk], request=request)
        status = HTTPStatus.OK if evaluation.is_replay else HTTPStatus.CREATED
        return Response(self.get_serializer(evaluation).data, status=status, headers={"Location": location})

    @extend_schema(
        operation_id="evaluationsItems",
        parameters=[CHANGED],
        responses=serializers.EvaluationItemSerializer(many=True),
        filters=False,
    )
    @action(detail=True, filterset_class=None)
    def items(self, request: Request, pk: Any) -> Response:
        """Its answers, each with both runs and their scores."""
        items: Any = self.get_object().items.select_related("ground_truth")
        if request.query_params.get("changed") == "true":
            items = items.filter(change__isnull=False).exclude(change=0)
        page: Any = self.paginate_queryset(items)
        return self.get_paginated_response(serializers.EvaluationItemSerializer(page, many=True).data)

    @extend_schema(
        operation_id="evaluationsCancel",
        request=None,
        responses={
            200: serializers.EvaluationDetailSerializer,
            409: OpenApiResponse(description="It has already ended: `evaluation-finished`."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds("feedback.change_evaluation")])
    def cancel(self, request: Request, pk: Any) -> Response:
        """End it, and its runs that are under way."""
        return Response(self.get_serializer(cancel_evaluation(self.get_object())).data)

    @extend_schema(
        operation_id="evaluationsCarryOn", request=None, responses={202: serializers.EvaluationDetailSerializer}
    )
    @action(
        detail=True, methods=["post"], url_path="carry-on", permission_classes=[holds("feedback.change_evaluation")]
    )
    def carry_on(self, request: Request, pk: Any) -> Response:
        """Take one on that nobody works on, as its process ended; workers do so by themselves."""
        evaluation = self.get_object()
        carry_on(evaluation)
        return Response(self.get_serializer(evaluation).data, status=HTTPStatus.ACCEPTED)

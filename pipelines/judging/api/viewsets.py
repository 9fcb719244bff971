"""The endpoints of judges."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from feedback.models import Judge, Judgement
from pipelines.api.requests import changed, read_body
from pipelines.judging.api import filters, serializers
from pipelines.judging.calibration import as_json, calibration_report
from pipelines.judging.making import save_judge


class JudgeViewSet(CreateModelMixin, ReadOnlyModelViewSet[Judge]):
    """Models that rate outputs as reviewers do, each with a version of a prompt. `manage.py judge` has them judge."""

    queryset = Judge.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.JudgeSerializer
    filterset_class = filters.JudgeFilter

    @extend_schema(request=serializers.JudgeChangeSerializer, responses={201: serializers.JudgeSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a judge."""
        judge = save_judge(Judge(**read_body(serializers.JudgeChangeSerializer, request)))
        location = reverse("judge-detail", args=[judge.pk], request=request)
        return Response(self.get_serializer(judge).data, status=HTTPStatus.CREATED, headers={"Location": location})

    @extend_schema(
        request=serializers.JudgeChangeSerializer,
        responses={
            200: serializers.JudgeSerializer,
            409: OpenApiResponse(description="It has judged, so only its words can be changed: `judge-fixed`."),
        },
    )
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change a judge: all of it until it has judged, then name, description and the question it should meet."""
        judge = save_judge(changed(self.get_object(), serializers.JudgeChangeSerializer, request))
        return Response(self.get_serializer(judge).data)

    @extend_schema(operation_id="judgesCalibration", responses=serializers.JudgeCalibrationSerializer)
    @action(detail=True)
    def calibration(self, request: Request, pk: Any) -> Response:
        """How far it agrees with reviewers now, over its latest 2,000 judgements."""
        return Response(as_json(calibration_report(self.get_object())))


class JudgementViewSet(ReadOnlyModelViewSet[Judgement]):
    """What judges said of outputs: a score of 0 to 1, or why there is none."""

    queryset = Judgement.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.JudgementSerializer
    filterset_class = filters.JudgementFilter

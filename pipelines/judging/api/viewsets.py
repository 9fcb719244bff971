"""The endpoints of judges."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from feedback.models import Judge, Judgement
from pipelines.judging.api import filters, serializers
from pipelines.judging.calibration import as_json, calibration_report


class JudgeViewSet(ReadOnlyModelViewSet[Judge]):
    """Models that rate outputs as reviewers do, each with a version of a prompt."""

    queryset = Judge.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.JudgeSerializer
    filterset_class = filters.JudgeFilter

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

"""The endpoints of judges."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.permissions import holds
from feedback.models import Judge, Judgement
from pipelines import definitions
from pipelines.api.requests import changed, read_body
from pipelines.judging.api import filters, serializers
from pipelines.judging.api.run_serializers import JudgeRunSerializer, NewJudgeRunSerializer
from pipelines.judging.calibration import as_json, calibration_report, refresh_calibration
from pipelines.judging.making import save_judge
from pipelines.judging.sets import SetReport, judge_evaluation, judge_set
from pipelines.judging.telling import told
from pipelines.judging.working import Limits, Worked, judge_queue

WITHIN = timedelta(seconds=20)  # a web server waits for a request no longer than 30, usually


class JudgeViewSet(CreateModelMixin, ReadOnlyModelViewSet[Judge]):
    """Models that rate outputs as reviewers do, each with a version of a prompt."""

    queryset = Judge.objects.select_related("prompt__process")
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

    @extend_schema(
        operation_id="judgesRun",
        request=NewJudgeRunSerializer,
        responses={
            200: JudgeRunSerializer,
            404: OpenApiResponse(description="There is no such judge, or no such pipeline: `pipeline-unknown`."),
            409: OpenApiResponse(
                description="It is at work elsewhere: `judge-busy`. Nothing of this was evaluated on the set, or the "
                "evaluation is not completed: `ground-truth-not-evaluated`. `pipeline-has-no-active-version`."
            ),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds("feedback.add_judgement")])
    def runs(self, request: Request, pk: Any) -> Response:
        """Have it judge at most 20 outputs, the newest first, within a budget and 20 seconds.

        Each judgement is kept as it comes, and what it has judged before is left out: sent again, it goes on. The last
        output that is begun is judged to its end.
        """
        given, judge = read_body(NewJudgeRunSerializer, request), self.get_object()
        worked, found = _judge(judge, given, Limits(given["limit"], given["budgetUsd"], WITHIN))
        return Response(told(judge, worked, found, refresh_calibration(judge)))


def _judge(judge: Judge, given: dict[str, Any], limits: Limits) -> tuple[Worked, SetReport | None]:
    if "queue" in given:
        return judge_queue(judge=judge, queue=given["queue"], waiting=given["waiting"], limits=limits), None
    if "evaluation" in given:
        return judge_evaluation(judge=judge, evaluation=given["evaluation"], limits=limits)
    numbers = [given.get(name) for name in ("version", "against")]
    version, against = (f"{given['pipeline']}@{number}" if number else given["pipeline"] for number in numbers)
    return judge_set(
        judge=judge,
        truth_set=given["set"],
        version=definitions.active_version(version),
        against=definitions.active_version(against) if given.get("against") else None,
        limits=limits,
    )


class JudgementViewSet(ReadOnlyModelViewSet[Judgement]):
    """What judges said of outputs: a score of 0 to 1, or why there is none."""

    queryset = Judgement.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.JudgementSerializer
    filterset_class = filters.JudgementFilter

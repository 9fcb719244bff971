"""The endpoints of the audit log, for reading only. They are closed where MONITORING_API_ENABLED is off."""

from typing import Any

from django.db.models import Exists
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from config.permissions import holds
from monitoring.alerts import open_firings
from monitoring.api import filters, queries, serializers
from monitoring.api.bodies import ai_bodies, quality_bodies
from monitoring.api.pagination import BeganPagination
from monitoring.figures import prompt_names, report
from monitoring.models import Alert, AlertFiring, TestResult, TestRun

MAY_READ = [holds("monitoring.view_testrun")]


class TestRunViewSet(ReadOnlyModelViewSet[TestRun]):
    """AI and quality runs, those that began last first; a single one comes with its results."""

    __test__ = False
    queryset = TestRun.objects.all()
    permission_classes = MAY_READ
    pagination_class = BeganPagination
    lookup_value_converter = "uuid"
    filterset_class = filters.TestRunFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.prefetch_related("results") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> Any:
        single = self.action == "retrieve"
        return serializers.TestRunDetailSerializer if single else serializers.TestRunSerializer


class TestResultViewSet(ListModelMixin, GenericViewSet[TestResult]):
    """The checks of runs."""

    __test__ = False
    queryset = TestResult.objects.all()
    permission_classes = MAY_READ
    serializer_class = serializers.TestResultSerializer
    filterset_class = filters.TestResultFilter


class AlertViewSet(ListModelMixin, GenericViewSet[Alert]):
    """The rules that watch figures, and whether each fires now."""

    queryset = Alert.objects.select_related("metric")
    permission_classes = [holds("monitoring.view_alert")]
    serializer_class = serializers.AlertSerializer
    filterset_class = filters.AlertFilter

    def get_queryset(self) -> Any:
        return super().get_queryset().annotate(firing=Exists(open_firings()))


class AlertFiringViewSet(ListModelMixin, GenericViewSet[AlertFiring]):
    """When alerts fired, the latest first."""

    queryset = AlertFiring.objects.all()
    permission_classes = [holds("monitoring.view_alertfiring")]
    serializer_class = serializers.AlertFiringSerializer
    filterset_class = filters.AlertFiringFilter


class QualityTrendsView(APIView):
    """How quality runs went, hour by hour, day by day or week by week."""

    permission_classes = MAY_READ

    @extend_schema(parameters=[queries.TrendsQuery], responses=serializers.TrendsSerializer)
    def get(self, request: Request) -> Response:
        query = queries.read_query(queries.TrendsQuery, request)
        interval = query["interval"]
        window = queries.window_of(query, queries.SPANS[interval])
        found = report(window, by=interval, kind=TestRun.Type.QUALITY, **_narrowed(query))
        total, *bodies = quality_bodies([found.total, *found.groups.values()])
        return Response(
            {
                "interval": interval,
                "from": window.start,
                "to": window.stop,
                "total": total,
                "points": [{"start": start, **body} for start, body in zip(found.groups, bodies, strict=True)],
            }
        )


class AIMetricsView(APIView):
    """What AI runs took, cost and came to, by prompt, by model or by day."""

    permission_classes = MAY_READ

    @extend_schema(parameters=[queries.AIMetricsQuery], responses=serializers.AIMetricsSerializer)
    def get(self, request: Request) -> Response:
        query = queries.read_query(queries.AIMetricsQuery, request)
        grouping = query["groupBy"]
        window = queries.window_of(query, queries.SPANS["day"])
        found = report(window, by=grouping, kind=TestRun.Type.AI, **_narrowed(query))
        names = prompt_names(found.groups) if grouping == "prompt" else {}
        total, *bodies = ai_bodies([found.total, *found.groups.values()])
        groups = [
            {"key": key, "name": names.get(key, key), **body} for key, body in zip(found.groups, bodies, strict=True)
        ]
        return Response(
            {
                "groupBy": grouping,
                "from": window.start,
                "to": window.stop,
                "total": total,
                "groups": groups,
                "leftOut": found.left_out,
            }
        )


def _narrowed(query: dict[str, Any]) -> dict[str, Any]:
    return {"prompt_id": query.get("promptId"), "model": query.get("model")}

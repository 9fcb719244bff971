"""What runs by the clock: read, made, changed, taken away."""

from typing import Any, cast

from django.contrib.auth.models import User
from rest_framework.viewsets import ModelViewSet

from pipelines.api import filters
from pipelines.api.answers import WholeRowMixin
from pipelines.api.requests import LockedChange
from pipelines.api.serializers import schedules as serializers
from pipelines.models import PipelineSchedule


class PipelineScheduleViewSet(LockedChange, WholeRowMixin, ModelViewSet[PipelineSchedule]):
    """Schedules. What could not start a run is refused when it is saved: `invalid-input`, with the place."""

    queryset = PipelineSchedule.objects.all()
    lookup_value_converter = "uuid"
    filterset_class = filters.PipelineScheduleFilter
    http_method_names = ("get", "post", "patch", "delete", "head", "options")

    def get_queryset(self) -> Any:
        rows = PipelineSchedule.objects.select_related("pipeline", "pipeline_version__pipeline", "created_by")
        return rows.defer("pipeline_version__dag") if self.action == "list" else self.locked(rows)

    def get_serializer_class(self) -> Any:
        single = self.action != "list"
        return serializers.PipelineScheduleDetailSerializer if single else serializers.PipelineScheduleSerializer

    def perform_create(self, serializer: Any) -> None:
        serializer.save(created_by=cast(User, self.request.user))

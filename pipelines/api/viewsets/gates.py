"""Gates: read, made, changed, taken away."""

from typing import Any, cast

from django.contrib.auth.models import User
from rest_framework.viewsets import ModelViewSet

from feedback.models import ActivationGate
from pipelines.api import filters
from pipelines.api.answers import WholeRowMixin
from pipelines.api.serializers.gates import ActivationGateSerializer


class ActivationGateViewSet(WholeRowMixin, ModelViewSet[ActivationGate]):
    """Gates. A set that is not frozen or too small is refused: `invalid-input`."""

    queryset = ActivationGate.objects.select_related("pipeline", "process", "truth_set", "created_by")
    lookup_value_converter = "uuid"
    serializer_class = ActivationGateSerializer
    filterset_class = filters.ActivationGateFilter
    http_method_names = ("get", "post", "patch", "delete", "head", "options")

    def perform_create(self, serializer: Any) -> None:
        serializer.save(created_by=cast(User, self.request.user))

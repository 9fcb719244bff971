"""The pools that limit steps and runs: read, made, changed, taken away."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from pipelines import pools
from pipelines.api import filters
from pipelines.api.requests import LockedChange
from pipelines.api.serializers.pools import PoolChangeSerializer, PoolSerializer
from pipelines.models import ConcurrencyPool


class ConcurrencyPoolViewSet(LockedChange, ModelViewSet[ConcurrencyPool]):
    """Pools, and how much of each is taken."""

    queryset = ConcurrencyPool.objects.all()
    lookup_value_converter = "uuid"
    filterset_class = filters.PoolFilter
    http_method_names = ("get", "post", "patch", "delete", "head", "options")

    def get_queryset(self) -> Any:
        return self.locked(pools.with_usage())

    def get_serializer_class(self) -> Any:
        return PoolChangeSerializer if self.action == "partial_update" else PoolSerializer

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(description="A pipeline, or the DAG of an active version, names it: `pool-in-use`."),
        }
    )
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a pool away. Older versions that name it cannot start a run any more."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: ConcurrencyPool) -> None:
        pools.delete_pool(instance)

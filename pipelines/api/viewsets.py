"""The conductor's endpoints: the frozen reads of the existing tables, pipelines, and runs."""

from typing import Any

from django.db.models import F, FilteredRelation, Q
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.permissions import holds
from config.problems import NotFound
from config.renderers import ZipRenderer
from pipelines import engine
from pipelines.api import filters, serializers
from pipelines.models import (
    DesignSplit,
    GeneratedArtifact,
    ModuleTemplate,
    PipelineDefinition,
    PipelineRun,
    SplitAsset,
    ValidationResult,
)
from pipelines.packaging import modules_zip


class DesignSplitViewSet(ReadOnlyModelViewSet[DesignSplit]):
    """Designs that were taken in, with the small latest summary of their quality in `metrics`."""

    queryset = DesignSplit.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.DesignSplitSerializer
    filterset_class = filters.DesignSplitFilter


class SplitAssetViewSet(ReadOnlyModelViewSet[SplitAsset]):
    """The parts that designs were split into."""

    queryset = SplitAsset.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.SplitAssetSerializer
    filterset_class = filters.SplitAssetFilter


class ModuleTemplateViewSet(ReadOnlyModelViewSet[ModuleTemplate]):
    """The library of modules."""

    queryset = ModuleTemplate.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.ModuleTemplateSerializer
    filterset_class = filters.ModuleTemplateFilter


class GeneratedArtifactViewSet(ReadOnlyModelViewSet[GeneratedArtifact]):
    """What was generated for designs."""

    queryset = GeneratedArtifact.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.GeneratedArtifactSerializer
    filterset_class = filters.GeneratedArtifactFilter


class ValidationResultViewSet(ReadOnlyModelViewSet[ValidationResult]):
    """What validators said of what was generated."""

    queryset = ValidationResult.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.ValidationResultSerializer
    filterset_class = filters.ValidationResultFilter


class PipelineViewSet(ReadOnlyModelViewSet[PipelineDefinition]):
    """Pipelines by their key; a single one comes with all its versions, the newest first."""

    queryset = PipelineDefinition.objects.alias(
        active=FilteredRelation("versions", condition=Q(versions__is_active=True))
    ).annotate(active_version=F("active__version"))
    lookup_field = "key"
    lookup_value_converter = "slug"

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.prefetch_related("versions") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> Any:
        single = self.action == "retrieve"
        return serializers.PipelineDetailSerializer if single else serializers.PipelineSerializer


class PipelineRunViewSet(ReadOnlyModelViewSet[PipelineRun]):
    """Runs of pipelines; a single one comes with its steps."""

    queryset = PipelineRun.objects.select_related("pipeline", "pipeline_version", "started_by")
    lookup_value_converter = "uuid"
    filterset_class = filters.PipelineRunFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("dag", "pipeline_version__dag") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        single = self.action == "retrieve"
        return serializers.PipelineRunDetailSerializer if single else serializers.PipelineRunSerializer

    @extend_schema(
        operation_id="pipelineRunsCancel",
        request=None,
        responses={
            200: serializers.PipelineRunSerializer,
            409: OpenApiResponse(description="The run has already ended: `run-finished`."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds("pipelines.operate_pipelinerun")])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Cancel what has not begun, and ask what runs to stop. The run ends as soon as no step is running."""
        run = engine.cancel(run_id=self.get_object().pk)
        return Response(self.get_serializer(run).data)

    @extend_schema(operation_id="pipelineRunsModules", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="modules.zip", renderer_classes=[ZipRenderer])
    def modules(self, request: Request, pk: Any) -> HttpResponse:
        """The modules that a run made, laid out as HubSpot's CLI uploads them."""
        try:
            content = modules_zip(self.get_object().pk)
        except FileNotFoundError as error:
            raise NotFound("The files of this run are no longer in storage. Run it again.") from error
        if content is None:
            raise NotFound("This run has made no module.")
        disposition = f'attachment; filename="modules-{pk}.zip"'
        return HttpResponse(content, content_type="application/zip", headers={"Content-Disposition": disposition})

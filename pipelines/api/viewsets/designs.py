"""The frozen reads of the existing tables."""

from rest_framework.viewsets import ReadOnlyModelViewSet

from pipelines.api import filters
from pipelines.api.serializers import designs as serializers
from pipelines.models import DesignSplit, GeneratedArtifact, ModuleTemplate, SplitAsset, ValidationResult


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

"""The frozen reads of the existing tables."""

from rest_framework import serializers

from pipelines.models import DesignSplit, GeneratedArtifact, ModuleTemplate, SplitAsset, ValidationResult


class DesignSplitSerializer(serializers.ModelSerializer[DesignSplit]):
    designUploadId = serializers.UUIDField(source="design_upload_id", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    updatedAt = serializers.DateTimeField(source="updated_at", read_only=True)

    class Meta:
        model = DesignSplit
        fields = ("id", "designUploadId", "status", "metrics", "name", "kind", "createdAt", "updatedAt")
        read_only_fields = fields


class SplitAssetSerializer(serializers.ModelSerializer[SplitAsset]):
    splitId = serializers.UUIDField(source="split_id", read_only=True)
    storageUrl = serializers.CharField(source="storage_url", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    projectId = serializers.UUIDField(source="project_id", read_only=True, allow_null=True)

    class Meta:
        model = SplitAsset
        fields = ("id", "splitId", "kind", "storageUrl", "meta", "order", "createdAt", "projectId")
        read_only_fields = fields


class ModuleTemplateSerializer(serializers.ModelSerializer[ModuleTemplate]):
    htmlContent = serializers.CharField(source="html_content", read_only=True)
    cssContent = serializers.CharField(source="css_content", read_only=True)
    jsContent = serializers.CharField(source="js_content", read_only=True)
    usageCount = serializers.IntegerField(source="usage_count", read_only=True)
    rating = serializers.FloatField(read_only=True, allow_null=True, help_text="0 to 5.")

    class Meta:
        model = ModuleTemplate
        fields = (
            "id",
            "name",
            "description",
            "category",
            "complexity",
            "htmlContent",
            "cssContent",
            "jsContent",
            "tags",
            "version",
            "usageCount",
            "rating",
        )
        read_only_fields = fields


class GeneratedArtifactSerializer(serializers.ModelSerializer[GeneratedArtifact]):
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)
    moduleId = serializers.UUIDField(source="module_id", read_only=True, allow_null=True)
    contentUrl = serializers.CharField(source="content_url", read_only=True)

    class Meta:
        model = GeneratedArtifact
        fields = ("id", "designSplitId", "moduleId", "type", "contentUrl", "content", "meta", "status")
        read_only_fields = fields


class ValidationResultSerializer(serializers.ModelSerializer[ValidationResult]):
    artifactId = serializers.UUIDField(source="artifact_id", read_only=True, allow_null=True)
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)

    class Meta:
        model = ValidationResult
        fields = ("id", "artifactId", "designSplitId", "validator", "status", "message", "details")
        read_only_fields = fields

"""What the API shows of reviews, in camelCase; JSON that is stored is passed on untouched."""

from typing import Any

from rest_framework import serializers

from feedback.models import ReviewFeedback
from feedback.services import MAX_COMMENTS


class ReviewFeedbackSerializer(serializers.ModelSerializer[ReviewFeedback]):
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)
    artifactId = serializers.UUIDField(source="artifact_id", read_only=True, allow_null=True)
    moduleId = serializers.UUIDField(source="module_id", read_only=True, allow_null=True)

    class Meta:
        model = ReviewFeedback
        fields = (
            "id",
            "designSplitId",
            "artifactId",
            "moduleId",
            "reviewer",
            "status",
            "ratings",
            "comments",
            "findings",
        )
        read_only_fields = fields


def _about(name: str) -> Any:
    """A row that is named by its id; the tables are the conductor's, whose models are not imported here."""
    rows: Any = ReviewFeedback._meta.get_field(name).related_model
    return serializers.PrimaryKeyRelatedField(
        source=name, queryset=rows._default_manager.all(), required=False, allow_null=True
    )


class NewReviewFeedbackSerializer(serializers.ModelSerializer[ReviewFeedback]):
    designSplitId = _about("design_split")
    artifactId = _about("artifact")
    moduleId = _about("module")
    reviewer = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Whose words they are; else yours."
    )
    ratings = serializers.DictField(required=False)
    comments = serializers.CharField(required=False, allow_blank=True, max_length=MAX_COMMENTS)
    findings = serializers.ListField(child=serializers.JSONField(), required=False)

    class Meta:
        model = ReviewFeedback
        fields = (
            "designSplitId",
            "artifactId",
            "moduleId",
            "reviewer",
            "status",
            "ratings",
            "comments",
            "findings",
        )

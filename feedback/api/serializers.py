"""What the API shows of reviews, in camelCase; JSON that is stored is passed on untouched."""

from rest_framework import serializers

from feedback.models import ReviewFeedback


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

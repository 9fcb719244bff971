"""What the API takes and shows of the registry, in camelCase; schemas and documents are passed on untouched."""

from typing import Any

from rest_framework import serializers

from ir_schemas.models import CompatibilityLevel, IRSchema, IRSchemaDefinition, SchemaState, ValidationOutcome
from ir_schemas.replay import MAX_REPLAYED

OWNERS = ("promptId", "processId", "stepVersionId")


class SchemaVersionSerializer(serializers.Serializer[Any]):
    """A version of the contract of one step version, prompt or process, in a list."""

    id = serializers.UUIDField(read_only=True)
    stepVersionId = serializers.UUIDField(source="step_version_id", read_only=True, default=None, allow_null=True)
    promptId = serializers.UUIDField(source="prompt_id", read_only=True, default=None, allow_null=True)
    processId = serializers.UUIDField(source="process_id", read_only=True, default=None, allow_null=True)
    name = serializers.SerializerMethodField(help_text="Its own, or that of the step version.")
    version = serializers.IntegerField(read_only=True)
    state = serializers.ChoiceField(choices=SchemaState.choices, read_only=True)
    description = serializers.CharField(read_only=True)
    contentHash = serializers.CharField(
        source="content_hash", read_only=True, help_text="SHA-256 of the canonical form: equal for equal schemas."
    )
    createdBy = serializers.CharField(source="created_by.username", read_only=True, default=None, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    updatedAt = serializers.DateTimeField(source="updated_at", read_only=True)
    activatedAt = serializers.DateTimeField(source="activated_at", read_only=True, allow_null=True)

    def get_name(self, version: IRSchema | IRSchemaDefinition) -> str:
        return str(version.step_version) if isinstance(version, IRSchema) else version.name


class SchemaDetailSerializer(SchemaVersionSerializer):
    """A version with its schema; ``source`` is the text as its author wrote it."""

    schema = serializers.JSONField(read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]


class SchemaFindingSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON Pointer into the schema.")
    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=["error", "warning"])
    message = serializers.CharField()
    hint = serializers.CharField(allow_null=True)


class WrittenSchemaSerializer(SchemaDetailSerializer):
    """A version that was just written, with what looks wrong in its schema."""

    warnings = SchemaFindingSerializer(many=True, read_only=True)


class SchemaEditSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    schema = serializers.JSONField(required=False, help_text="Only of a draft that no document was checked against.")
    name = serializers.CharField(required=False, max_length=200, help_text="Of a prompt's or process's schema.")
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class SchemaCreateSerializer(SchemaEditSerializer):
    """A schema and the one owner whose contract it is to be."""

    schema = serializers.JSONField(help_text="JSON Schema, draft 2020-12.")
    promptId = serializers.UUIDField(required=False)
    processId = serializers.UUIDField(required=False)
    stepVersionId = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _require_one(attrs, OWNERS)
        return attrs


class ActivateSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2_000, default="")
    overrideCompatibility = serializers.BooleanField(
        required=False, default=False, help_text="Needs the permission to override, and a reason."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["overrideCompatibility"] and not attrs["reason"].strip():
            raise serializers.ValidationError({"reason": "Say why compatibility may be broken."}, code="required")
        return attrs


class DeactivateSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2_000, default="")


class ValidateSerializer(serializers.Serializer[Any]):
    """A document, and one of a schema, a version of one, or an owner whose contract in force is to judge."""

    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]
    schema = serializers.JSONField(required=False)
    schemaId = serializers.UUIDField(required=False)
    promptId = serializers.UUIDField(required=False)
    processId = serializers.UUIDField(required=False)
    stepVersionId = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _require_one(attrs, ("schema", "schemaId", *OWNERS))
        return attrs


class IRErrorSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON Pointer into the document.")
    keyword = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    expected = serializers.CharField(allow_null=True)
    actual = serializers.CharField(allow_null=True, help_text="Short; never a whole document.")
    schemaPath = serializers.CharField()
    hint = serializers.CharField(allow_null=True)
    line = serializers.IntegerField(required=False, help_text="In the text of `data`, from 1.")
    column = serializers.IntegerField(required=False)


class ValidationReportSerializer(serializers.Serializer[Any]):
    """`valid` is null, and the outcome `skipped`, where no schema is in force: that is no pass."""

    valid = serializers.BooleanField(allow_null=True)
    outcome = serializers.ChoiceField(choices=ValidationOutcome.choices)
    errorCount = serializers.IntegerField(help_text="Of all errors; `errors` has the best 50.")
    errors = IRErrorSerializer(many=True)  # type: ignore[assignment]
    countsByCode = serializers.DictField(child=serializers.IntegerField())
    countsByPath = serializers.DictField(child=serializers.IntegerField(), help_text="Array indices folded to `*`.")
    truncated = serializers.BooleanField(help_text="The search for errors was stopped; there may be more.")
    schemaId = serializers.UUIDField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    engine = serializers.CharField(allow_null=True)
    engineVersion = serializers.CharField(allow_null=True)
    durationMs = serializers.FloatField()


class CompareSerializer(serializers.Serializer[Any]):
    against = serializers.UUIDField(required=False, help_text="A version; the one in force when left out.")
    reading = serializers.ChoiceField(
        choices=["standard", "writer-closed"],
        required=False,
        default="standard",
        help_text="`writer-closed`: documents carry only properties that the schema they were written for declares.",
    )


class AgainstSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=SchemaState.choices)


class VerdictSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["compatible", "incompatible", "undecided"])
    counterexample = serializers.JSONField(allow_null=True)
    reasons = serializers.ListField(child=serializers.CharField())


class ChangeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    kind = serializers.CharField()
    effect = serializers.ChoiceField(choices=["backward-breaking", "forward-breaking", "both", "none", "unknown"])
    reason = serializers.CharField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """`keepsLevel` says whether the version could be put in force without an override."""

    against = AgainstSerializer()
    reading = serializers.ChoiceField(choices=["standard", "writer-closed"])
    backward = VerdictSerializer()
    forward = VerdictSerializer()
    changes = ChangeSerializer(many=True)
    level = serializers.ChoiceField(choices=CompatibilityLevel.choices)
    keepsLevel = serializers.BooleanField()


class ReplayRequestSerializer(serializers.Serializer[Any]):
    last = serializers.IntegerField(required=False, default=1_000, min_value=1, max_value=MAX_REPLAYED)


class ReplayErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    path = serializers.CharField(help_text="Array indices folded to `*`.")
    message = serializers.CharField()
    count = serializers.IntegerField(help_text="Documents that newly fail with it.")
    examples = serializers.ListField(child=serializers.UUIDField(), help_text="Some of them, the newest first.")


class ReplaySerializer(serializers.Serializer[Any]):
    source = serializers.ChoiceField(choices=["artifacts", "promptResults"])  # type: ignore[assignment]
    againstVersion = serializers.IntegerField(allow_null=True)
    checked = serializers.IntegerField()
    newlyFailing = serializers.IntegerField()
    newlyPassing = serializers.IntegerField()
    stillValid = serializers.IntegerField()
    stillInvalid = serializers.IntegerField()
    explained = serializers.IntegerField(help_text="How many of the newly failing `errors` is about: the newest.")
    errors = ReplayErrorSerializer(many=True)  # type: ignore[assignment]


class DifferenceSerializer(serializers.Serializer[Any]):
    operation = serializers.ChoiceField(choices=["added", "removed", "changed"])
    keyword = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    oldPath = serializers.CharField(allow_null=True)
    newPath = serializers.CharField(allow_null=True)
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DiffSerializer(serializers.Serializer[Any]):
    """The differences from the version compared with (old) to this one (new)."""

    against = AgainstSerializer()
    differences = DifferenceSerializer(many=True)


class InferSerializer(serializers.Serializer[Any]):
    documents = serializers.ListField(child=serializers.JSONField(allow_null=True), min_length=1, max_length=10_000)
    closed = serializers.BooleanField(required=False, default=False, help_text="Admit only the members that were seen.")


class InferredSerializer(serializers.Serializer[Any]):
    schema = serializers.JSONField()
    documentCount = serializers.IntegerField()


class ExampleSerializer(serializers.Serializer[Any]):
    document = serializers.JSONField(allow_null=True)


class ExportSerializer(serializers.Serializer[Any]):
    """`losses` are sentences: what the other form does not say or enforce."""

    target = serializers.ChoiceField(choices=["typescript", "pydantic", "strict"])
    text = serializers.CharField(help_text="For `strict` the JSON Schema that structured-output APIs take.")
    losses = serializers.ListField(child=serializers.CharField())
    wrapped = serializers.BooleanField(help_text="The document comes as the one member `value` of an object.")


def _require_one(attrs: dict[str, Any], names: tuple[str, ...]) -> None:
    given = [name for name in names if name in attrs]
    if len(given) != 1:
        raise serializers.ValidationError(f"Give exactly one of {', '.join(names)}.", code="exactly-one")

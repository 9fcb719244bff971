"""Pipelines and their versions: read, started, checked, made and put in force."""

from http import HTTPStatus
from typing import Any

from django.db.models import F, FilteredRelation, Prefetch, Q
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.idempotency import idempotency_key
from config.permissions import holds
from pipelines import definitions, starting
from pipelines.api.requests import IDEMPOTENCY_KEY, OPERATE, read_body, signed_in, started
from pipelines.api.serializers import definitions as serializers
from pipelines.api.serializers import runs as run_serializers
from pipelines.errors import InvalidDag
from pipelines.models import PipelineDefinition, PipelineVersion

MOST_VERSIONS = 100
"""Of a pipeline that is read with its versions; each comes with its DAG."""


class PipelineViewSet(ReadOnlyModelViewSet[PipelineDefinition]):
    """Pipelines by their key; a single one comes with its 100 newest versions, and the active one, the newest first.

    All of them, without their DAGs, are at `/api/pipelines/:key/versions`.
    """

    queryset = PipelineDefinition.objects.alias(
        active=FilteredRelation("versions", condition=Q(versions__is_active=True))
    ).annotate(active_version=F("active__version"))
    lookup_field = "key"
    lookup_value_converter = "slug"

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action != "retrieve":
            return rows
        of_pipeline = PipelineVersion.objects.filter(pipeline__key=self.kwargs["key"])
        newest = of_pipeline.order_by("-version").values("pk")[:MOST_VERSIONS]
        shown = of_pipeline.filter(Q(is_active=True) | Q(pk__in=newest)).order_by("-version")
        return rows.prefetch_related(Prefetch("versions", shown))

    def get_serializer_class(self) -> Any:
        single = self.action == "retrieve"
        return serializers.PipelineDetailSerializer if single else serializers.PipelineSerializer

    @extend_schema(
        operation_id="pipelinesStart",
        request=run_serializers.StartSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: OpenApiResponse(run_serializers.PipelineRunSerializer, "The key has already started this run."),
            201: run_serializers.PipelineRunSerializer,
            409: OpenApiResponse(
                description="`pipeline-logging-disabled`, or the pipeline has no such version or no active one: "
                "`pipeline-has-no-active-version`."
            ),
            422: OpenApiResponse(
                description="The key belongs to a run of another version than the one named, or with other inputs or "
                "params: `idempotency-key-reused`; `errors` say which. Or the design cannot be taken in, with a code "
                "such as `url-unreachable`."
            ),
        },
    )
    @action(detail=True, methods=["post"], url_path="runs", permission_classes=[holds(OPERATE)])
    def start(self, request: Request, key: str) -> Response:
        """Start a run. The answer comes as soon as its rows are there; follow it by its address."""
        given = read_body(run_serializers.StartSerializer, request)
        number = given.get("version")
        run = starting.start(
            version=definitions.active_version(f"{key}@{number}" if number else key),
            source=given.get("sourceUrl"),
            inputs=given["inputs"],
            params=given["params"],
            priority=given["priority"],
            run_group_id=given.get("runGroupId"),
            idempotency_key=idempotency_key(request, given.get("idempotencyKey")),
            started_by=signed_in(request),
            any_version=number is None,
        )
        return started(run, request)

    @extend_schema(
        operation_id="pipelinesValidateDag",
        request=serializers.DagSerializer,
        responses=serializers.DagVerdictSerializer,
    )
    @action(
        detail=True,
        methods=["post"],
        url_path="validate-dag",
        permission_classes=[holds("pipelines.add_pipelineversion")],
    )
    def validate_dag(self, request: Request, key: str) -> Response:
        """Check a DAG and keep nothing. One with faults is an answer like any other, with status 200."""
        self.get_object()
        try:
            definitions.check_dag(read_body(serializers.DagSerializer, request)["dag"])
        except InvalidDag as refusal:
            return Response({"valid": False, "faults": refusal.errors})
        return Response({"valid": True, "faults": []})


class PipelineVersionViewSet(CreateModelMixin, ReadOnlyModelViewSet[PipelineVersion]):
    """The versions of one pipeline, the newest first."""

    queryset = PipelineVersion.objects.select_related("created_by")
    lookup_field = "version"
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        rows = super().get_queryset().filter(pipeline__key=self.kwargs.get("key"))
        return rows.defer("dag") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        whole = self.action != "list"
        return serializers.PipelineVersionDetailSerializer if whole else serializers.PipelineVersionRowSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Versions without their DAGs."""
        self._pipeline()
        return super().list(request, *args, **kwargs)

    @extend_schema(
        request=serializers.NewVersionSerializer, responses={201: serializers.PipelineVersionDetailSerializer}
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Keep a DAG as the next version. It is not active yet. A DAG with faults is refused: `dag-invalid`."""
        given = read_body(serializers.NewVersionSerializer, request)
        version = definitions.create_version(
            pipeline=self._pipeline(), dag=given["dag"], notes=given["notes"], created_by=signed_in(request)
        )
        location = reverse("pipeline-versions-detail", args=[self.kwargs["key"], version.version], request=request)
        return Response(self.get_serializer(version).data, status=HTTPStatus.CREATED, headers={"Location": location})

    @extend_schema(
        operation_id="pipelineVersionsActivate",
        request=serializers.ActivateVersionSerializer,
        responses={
            200: serializers.PipelineVersionDetailSerializer,
            409: OpenApiResponse(
                description="A gate does not let it pass: `activation-gate-refused`, with each gate's reason in "
                "`errors`; or `gate-override-not-permitted`."
            ),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds("pipelines.change_pipelineversion")])
    def activate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make this the version that new runs take. Runs under way keep theirs."""
        given = read_body(serializers.ActivateVersionSerializer, request)
        version = definitions.activate_version(
            self.get_object(), by=signed_in(request), override_reason=given.get("overrideReason", "")
        )
        return Response(self.get_serializer(version).data)

    def _pipeline(self) -> PipelineDefinition:
        return get_object_or_404(PipelineDefinition, key=self.kwargs["key"])

"""The hot path's one door to PostgreSQL: ``pipelines_carry_on`` and ``pipelines_take_up``, and reading a run's rows.

``sql/carry.sql`` and ``sql/take_up.sql`` say what the functions take and give.
"""

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import itemgetter
from typing import Any, LiteralString, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now
from psycopg import Cursor
from psycopg.types.json import Jsonb

from monitoring import flags
from pipelines.claims import Claim, Settlement
from pipelines.columns import of_columns
from pipelines.models import PipelineDefinition, PipelineRun, StepLog, StepRun
from pipelines.models.runs import RunStatus, StepStatus
from pipelines.scheduling import Item
from pipelines.state import Row

as_json = json.JSONEncoder(default=str, check_circular=False, separators=(",", ":")).encode
"""JSON text of rows; keys and times become strings."""

CARRY: LiteralString = "SELECT pipelines_carry_on(%s, %s, %s)::text"
TAKE_UP: LiteralString = "SELECT pipelines_take_up(%s, %s)::text"
UNSET = flags.State()
MAX_INT = 2_147_483_647
# What ``Row`` keeps, in its order; ``pipelines_moved_rows`` lists the same.
KEPT = ("status", "held", "reason_code", "attempt", "lost_count", "released_count")
DUE = Q(status=StepStatus.READY) & (Q(not_before=None) | Q(not_before__lte=Now()))
LAPSED = Q(status=StepStatus.RUNNING) & (Q(lease_expires_at__lt=Now()) | Q(deadline__lt=Now()))


class Records(NamedTuple):
    """What attempts leave, as JSON text: ``rows`` by the names of ``pipelines_carry_on``, and a list of ``irs``."""

    rows: str | None = None
    irs: bytes | None = None


NO_RECORDS = Records()
ONE_EACH = {"artifact": "artifacts", "testRun": "testRuns"}
"""The records of which an attempt leaves one, and what they are called together."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: ``outcome`` is ``done``, ``lost``, ``overdue`` or ``stale``; ``claimed`` are attempts by id.

    ``refused`` are candidates that can't be had now; ``moved`` are rows that others moved since the caller's revision;
    ``ended`` is ``{error, finishedAt}`` of a run that ended; ``queues`` are those that got a job.
    """

    outcome: str
    revision: int
    claimed: Mapping[uuid.UUID, int] = field(default_factory=dict)
    refused: Collection[uuid.UUID] = ()
    moved: Mapping[Item, Row] | None = None
    validation_mode: flags.State = UNSET
    ended: Mapping[str, Any] | None = None
    queues: Collection[str] = ()


class TakenUp(NamedTuple):
    """The run that a step run belongs to, and which item of it that is; ``run`` and ``rows`` where it wasn't known."""

    run_id: uuid.UUID
    item: Item
    run: PipelineRun | None
    rows: Mapping[Item, Row]


def records_of(settlements: Iterable[Settlement]) -> Records:
    """All that these attempts leave."""
    rows: dict[str, list[Any]] = {}
    irs = []
    for settlement in settlements:
        for name, kept in settlement.records.items():
            if name in ONE_EACH:
                rows.setdefault(ONE_EACH[name], []).append(kept)
            else:
                rows.setdefault(name, []).extend(kept)
        if settlement.ir_text is not None and "artifact" in settlement.records:
            irs.append(settlement.ir_text)
    return Records(as_json(rows) if rows else None, b"[%b]" % b",".join(irs) if irs else None)


def carry(call: Mapping[str, Any], records: Records = NO_RECORDS) -> Answer:
    """Make one call of ``pipelines_carry_on``. On its own it is a transaction."""
    answer = _ask(CARRY, [_jsonb(as_json(call)), _jsonb(records.rows), _jsonb(records.irs)])
    moved = answer.get("rows")
    return Answer(
        outcome=answer["outcome"],
        revision=answer["revision"],
        claimed={uuid.UUID(one["id"]): one["attempt"] for one in answer.get("claimed", ())},
        refused={uuid.UUID(one) for one in answer.get("refused", ())},
        moved=None if moved is None else _rows(moved),
        validation_mode=flags.read_state(answer.get("validationMode")),
        ended=answer.get("ended"),
        queues=answer.get("queues", ()),
    )


def take_up(step_run_id: uuid.UUID, known: Collection[uuid.UUID]) -> TakenUp | None:
    """Read the run of a step run, or where it is ``known`` only which item of it that is. None where it has ended."""
    found = _ask(TAKE_UP, [step_run_id, list(known)])
    if found is None:
        return None
    run_id, item = uuid.UUID(found["runId"]), Item(*found["item"])
    if "run" not in found:
        return TakenUp(run_id, item, None, {})
    run = of_columns(PipelineRun, found["run"])
    run.pipeline = of_columns(PipelineDefinition, found["pipeline"])
    return TakenUp(run_id, item, run, _rows(found["rows"]))


def _rows(listed: Iterable[Sequence[Any]]) -> dict[Item, Row]:
    return {Item(key, index): Row(uuid.UUID(pk), *rest) for key, index, pk, *rest in listed}


def _jsonb(text: str | bytes | None) -> Jsonb | None:
    """JSON text as an argument of its type: a cast in the statement would be planned, and parsed, twice."""
    return None if text is None else Jsonb(text, dumps=_as_it_is)


def _as_it_is(text: str | bytes) -> str | bytes:
    return text


def _ask(statement: LiteralString, arguments: Sequence[Any]) -> Any:
    """Call a function with its arguments apart from the statement: Django would write them into its text."""
    django = connections[DEFAULT_DB_ALIAS]
    if django.execute_wrappers or django.queries_logged:
        with django.cursor() as django_cursor:
            django_cursor.execute(statement, arguments)
            found = django_cursor.fetchone()
            return json.loads(found[0]) if found and found[0] else None
    django.ensure_connection()
    with django.wrap_database_errors, Cursor(django.connection) as cursor:
        found = cursor.execute(statement, arguments).fetchone()
    return json.loads(found[0]) if found and found[0] else None


def claim(run_id: uuid.UUID, claiming: Mapping[str, Any]) -> Answer:
    """Take what is ready of the wanted step runs; moves nothing else, so it cannot be stale."""
    return carry({"runId": run_id, **claiming})


def held_in(run_id: uuid.UUID) -> list[tuple[Item, uuid.UUID, uuid.UUID | None, int, Mapping[str, Any]]]:
    """The run's step runs that somebody holds: item, id, token, attempt, params."""
    rows = StepRun.objects.filter(pipeline_run=run_id, status=StepStatus.RUNNING).order_by("id")
    columns = rows.values_list("node_key", "map_index", "pk", "lease_token", "attempt", "params")
    return [(Item(key, index), *rest) for key, index, *rest in columns]


def given_up(run_id: uuid.UUID) -> list[tuple[Item, uuid.UUID, uuid.UUID, int, Mapping[str, Any], bool]]:
    """The run's step runs whose lease or time has run out: item, id, token, attempt, params, if late."""
    rows = StepRun.objects.filter(LAPSED, pipeline_run=run_id)
    late = ExpressionWrapper(Q(deadline__isnull=False, deadline__lt=Now()), BooleanField())
    columns = rows.order_by("id").values_list("node_key", "map_index", "pk", "lease_token", "attempt", "params", late)
    return [(Item(key, index), pk, token, *rest) for key, index, pk, token, *rest in columns if token]


def renew(claims: Collection[Claim], milliseconds: int) -> None:
    """Hold these attempts for so much longer, those of them that are still held."""
    _held(claims).update(lease_expires_at=Now() + timedelta(milliseconds=milliseconds))


def still_held(claims: Collection[Claim]) -> set[uuid.UUID]:
    """The tokens of those attempts that nobody has taken back or cancelled."""
    found = _held(claims).values_list("lease_token", flat=True)
    return {token for token in found if token is not None}


def _held(claims: Collection[Claim]) -> QuerySet[StepRun]:
    """Found by their keys, as no index has the token: it would be written with each of a step's moves."""
    return StepRun.objects.filter(
        pk__in=[claim.step_run_id for claim in claims],
        lease_token__in=[claim.token for claim in claims],
        status=StepStatus.RUNNING,
    )


def to_heal() -> QuerySet[StepRun]:
    """Steps of unfinished runs whose lease or time has run out."""
    return StepRun.objects.filter(LAPSED, pipeline_run__status=RunStatus.RUNNING)


def has_ready_steps(handlers: Collection[str]) -> bool:
    """Whether a step of these handlers is ready, or will be when its retry is due."""
    steps = StepRun.objects.filter(status=StepStatus.READY, step_version__handler__in=handlers)
    return steps.filter(pipeline_run__status=RunStatus.RUNNING).exists()


def read_rows(run_id: uuid.UUID) -> tuple[dict[Item, Row], int]:
    """The run's rows and its revision: one consistent state.

    One statement, so one state: both are as of its beginning.
    """
    rows = StepRun.objects.filter(pipeline_run=run_id).order_by("id")
    waits = ExpressionWrapper(Q(not_before__isnull=False, not_before__gt=Now()), BooleanField())
    columns = list(rows.values_list("pipeline_run__revision", "node_key", "map_index", "id", *KEPT, waits))
    if not columns:
        return {}, PipelineRun.objects.values_list("revision", flat=True).get(pk=run_id)
    return {Item(key, index): Row(pk, *rest) for _, key, index, pk, *rest in columns}, columns[0][0]


def write_lines(lines: Sequence[Mapping[str, Any]]) -> None:
    """Keep what steps have said, each line once; lines of a step run that is gone go with it."""
    if not lines:
        return
    ids = {line["step_run_id"] for line in lines}
    known = set(StepRun.objects.filter(pk__in=ids).values_list("pk", flat=True))
    kept = sorted((line for line in lines if line["step_run_id"] in known), key=itemgetter("id"))
    StepLog.objects.bulk_create((StepLog(**line) for line in kept), ignore_conflicts=True)


def write_progress(claim: Claim, done: int, total: int) -> None:
    """How far an attempt says it is, while it is held."""
    _held([claim]).update(progress_done=min(done, MAX_INT), progress_total=min(total, MAX_INT))

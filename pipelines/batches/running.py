"""Starting and carrying the runs of a batch, several at a time.

Truth is the runs' own rows. A line's key starts one run, so whoever runs the batch again after it was broken off finds
what has ended, carries on what has begun, and starts the rest.
"""

import logging
import queue
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from config.outages import OUTAGE
from config.problems import DomainError
from pipelines import definitions, engine, starting
from pipelines.batches.lines import BadLine, Line
from pipelines.designs.loader import is_address
from pipelines.errors import LoggingDisabled, RunFinished
from pipelines.executors import inline
from pipelines.models import PipelineDefinition, PipelineRun, PipelineVersion, StepRun
from pipelines.models.runs import FINISHED_RUN, StepStatus
from pipelines.outages import through_outages

logger = logging.getLogger(__name__)

PAUSE = 0.25
GROUPS = uuid.UUID("6a0c5b0e-8b0f-4f0e-9a51-2f3f4f1f6d11")
"""The namespace of run groups, which follow from a pipeline, a version and the batch's name."""
COMPLETED, WAITING, REFUSED, READY = "completed", "waiting", "refused", "ready"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a line: how its run ended, or ``waiting`` for a person, or ``refused`` without a run.

    ``ready`` is said where lines are only checked. ``error`` is ``{code, message}`` as the run has it. ``earlier``
    says that the run had ended before this call.
    """

    line: int
    status: str
    run_id: uuid.UUID | None = None
    earlier: bool = False
    duration_ms: int | None = None
    error: dict[str, Any] | None = None

    @property
    def is_fine(self) -> bool:
        return self.status in (COMPLETED, READY)


def refused(line: int, code: str, message: str) -> Verdict:
    return Verdict(line, REFUSED, error={"code": code, "message": message})


@dataclass(frozen=True)
class Batch:
    """Lines that are run with one version under one name. ``folder`` is where their files are sought from.

    ``any_version`` says that nobody named the version.
    """

    version: PipelineVersion
    name: str
    folder: Path
    any_version: bool

    @property
    def run_group_id(self) -> uuid.UUID:
        """The group of all its runs, whoever starts them and when."""
        return _group(self.version.pipeline, self.version.version, self.name)

    @property
    def prefix(self) -> str:
        """What the keys of its lines begin with."""
        return f"batch:{self.name}:{self.version.version}"

    def ended(self) -> dict[str, PipelineRun]:
        """Its runs that have ended, by the keys of lines that name none themselves."""
        runs = PipelineRun.objects.filter(run_group_id=self.run_group_id, status__in=FINISHED_RUN)
        found = runs.filter(idempotency_key__startswith=f"{self.prefix}:")
        fields = ("idempotency_key", "status", "error", "created_at", "finished_at")
        return {str(run.idempotency_key): run for run in found.only(*fields)}

    def cancel(self) -> int:
        """Cancel those of its runs that have not ended, whoever carries them; how many they were."""
        cancelled = 0
        unfinished = PipelineRun.objects.filter(run_group_id=self.run_group_id).exclude(status__in=FINISHED_RUN)
        for run_id in unfinished.values_list("pk", flat=True):
            try:
                engine.cancel(run_id=run_id)
            except RunFinished:
                continue
            cancelled += 1
        return cancelled

    def check(self, line: Line | BadLine) -> Verdict:
        """What would be refused, found without starting or fetching anything."""
        if isinstance(line, BadLine):
            return refused(line.number, "line-invalid", line.message)
        try:
            definitions.check_inputs(line.inputs)
            definitions.check_params(self._graph, line.params)
        except DomainError as refusal:
            return refused(line.number, refusal.code, refusal.message)
        if line.source is not None and not is_address(line.source) and not (self.folder / line.source).is_file():
            return refused(line.number, "file-missing", f"There is no file {self.folder / line.source}.")
        return Verdict(line.number, READY)

    @cached_property
    def _graph(self) -> Any:
        return definitions.resolve(self.version)[0]

    def start(self, line: Line) -> PipelineRun:
        """Start the line's run, or find it. Raises what ``starting.start`` raises."""
        return starting.start(
            version=self.version,
            source=line.source,
            folder=self.folder,
            inputs=line.inputs,
            params=line.params,
            priority=line.priority,
            run_group_id=self.run_group_id,
            idempotency_key=line.key,
            any_version=self.any_version,
        )


def batch_of(*, key: str, name: str, folder: Path) -> Batch:
    """The batch of that name: on the version that ``key`` names, else on that it was begun with, else the active one.

    Raises ``UnknownPipeline`` or ``NoActiveVersion``.
    """
    version = definitions.active_version(key)
    any_version = "@" not in key
    if any_version:
        version = _begun_with(version.pipeline, name) or version
    return Batch(version, name, folder, any_version)


def _begun_with(pipeline: PipelineDefinition, name: str) -> PipelineVersion | None:
    groups = [_group(pipeline, number, name) for number in pipeline.versions.values_list("version", flat=True)]
    run = PipelineRun.objects.filter(pipeline=pipeline, run_group_id__in=groups).order_by("-pk").first()
    return None if run is None else pipeline.versions.select_related("pipeline").get(pk=run.pipeline_version_id)


def _group(pipeline: PipelineDefinition, version: int, name: str) -> uuid.UUID:
    return uuid.uuid5(GROUPS, f"{pipeline.pk}:{version}:{name}")


@contextmanager
def run_lines(batch: Batch, lines: Iterable[Line | BadLine], *, concurrency: int) -> Iterator[Iterator[Verdict]]:
    """Run every line, so many at a time, each in a thread; the verdicts come as the runs end.

    A line that goes wrong keeps none of the others from its turn. Where the block is left early, what is under way is
    carried to its end first. Raises ``LoggingDisabled`` once no pipeline may run any more, and the database's error
    where it is away for longer than a lease lasts; calling again goes on from there.
    """
    crew = _Crew(batch, lines, concurrency)
    try:
        yield crew.verdicts()
    finally:
        crew.end()


class _Crew:
    """Threads that take one line after the other. Each has a connection of its own."""

    def __init__(self, batch: Batch, lines: Iterable[Line | BadLine], size: int) -> None:
        self._batch = batch
        self._ended = batch.ended()
        self._lines = iter(lines)
        self._threads = [threading.Thread(target=self._work, name=f"line {n}", daemon=True) for n in range(size)]
        self._threads_each = max(1, settings.INLINE_EXECUTOR_THREADS // size)
        self._taking = threading.Lock()
        self._told: queue.SimpleQueue[Verdict | BaseException | None] = queue.SimpleQueue()
        self._stopping = False

    def verdicts(self) -> Iterator[Verdict]:
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            told = self._told.get()
            if isinstance(told, BaseException):
                raise told
            if told is None:
                working -= 1
            else:
                yield told

    def end(self) -> None:
        """Take no line any more, and wait for those that were taken."""
        self._stopping = True
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self) -> None:
        try:
            while (line := self._take()) is not None:
                self._told.put(through_outages("a line of a batch", partial(self._run, line)))
        except BaseException as error:  # noqa: BLE001 - it is raised where the verdicts are asked for
            self._told.put(error)
        finally:
            connection.close()
            self._told.put(None)

    def _take(self) -> Line | BadLine | None:
        with self._taking:
            return None if self._stopping else next(self._lines, None)

    def _run(self, line: Line | BadLine, _broke: bool) -> Verdict:
        if isinstance(line, BadLine):
            return refused(line.number, "line-invalid", line.message)
        ended = self._ended.get(line.key)
        if ended is not None:
            return _verdict(line, ended, earlier=True)
        try:
            run = self._batch.start(line)
            return _verdict(line, run, earlier=True) if run.is_finished else _verdict(line, self._carry(run))
        except (LoggingDisabled, *OUTAGE):
            raise
        except DomainError as refusal:
            return refused(line.number, refusal.code, refusal.message)
        except Exception:
            logger.exception("line %s could not be run", line.number)
            return refused(line.number, "line-crashed", "The line could not be run. The log has the details.")

    def _carry(self, run: PipelineRun) -> PipelineRun:
        """Carry the run here, or wait until workers have, to its end or to where a person must decide."""
        if settings.PIPELINE_EXECUTOR == "inline":
            return inline.carry(run.pk, threads=self._threads_each)
        while not (run.is_finished or self._stopping or _waits_for_a_person(run)):
            time.sleep(PAUSE)
            run.refresh_from_db(fields=["status", "error", "finished_at", "queued"])
        return run


def _waits_for_a_person(run: PipelineRun) -> bool:
    statuses = set(StepRun.objects.filter(pipeline_run=run).values_list("status", flat=True).distinct())
    return StepStatus.WAITING in statuses and not statuses & {StepStatus.READY, StepStatus.RUNNING}


def _verdict(line: Line, run: PipelineRun, *, earlier: bool = False) -> Verdict:
    took = (run.finished_at - run.created_at) if run.finished_at else None
    duration_ms = None if took is None else round(took.total_seconds() * 1000)
    status = run.status if run.is_finished else WAITING
    return Verdict(line.number, status, run.pk, earlier, duration_ms, run.error)


def as_json(verdict: Verdict) -> dict[str, Any]:
    """``{line, status, runId, earlier, durationMs, error}``."""
    told = asdict(verdict)
    run_id = told.pop("run_id")
    duration_ms = told.pop("duration_ms")
    return told | {"runId": None if run_id is None else str(run_id), "durationMs": duration_ms}

"""One run as one process carries it: its graph and its rows in memory, and one call to PostgreSQL a step at most.

Several threads share a ``Conductor``; so may several processes share a run, each with a conductor of its own. Whoever
writes names the revision it decided on; when somebody else was quicker, the rows are read again and the decision is
made anew.
"""

import random
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from config.models import uuid7
from metrics.models import MetricProfileItem
from monitoring import flags
from pipelines import definitions, store
from pipelines.audit import failed_entry, test_run_rows
from pipelines.claims import Claim, Settlement
from pipelines.columns import by_column
from pipelines.context import effective_params
from pipelines.dag import Graph, Node
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.intake import open_bundle
from pipelines.designs.summary import refresh_design
from pipelines.errors import ResultsPruned
from pipelines.executors.dispatch import Dispatcher, ReadyStep, dispatcher_of
from pipelines.models import PipelineRun, StepRun, StepVersion
from pipelines.models.runs import StepStatus
from pipelines.named import Named
from pipelines.outputs import write_outputs
from pipelines.pace import Pace
from pipelines.registry import is_registered
from pipelines.results import Results
from pipelines.reuse import copy_records, keep_alive
from pipelines.scheduling import Expansion, Item, Moves, Reason, cancel_moves, lost_delay_ms, next_moves, retry_delay_ms
from pipelines.state import Row, RunState

MAX_REASON = 500
THE_ONLY_ONE = -1
"""As a number of steps to claim: the one that becomes ready in the same call, if it is the only one."""
CANDIDATES = 4
"""How many steps a process offers to take one of, where others may be quicker."""

MAX_BEGUN = 32

Decision = Callable[[RunState], Iterator[Moves]]


class Settled(NamedTuple):
    """What became of a result. An ``overdue`` one was refused because its time was up, and still holds its lease."""

    accepted: bool
    claims: list[Claim]
    overdue: bool = False


class Conductor:
    """Claims and settles the steps of one run.

    With a ``dispatcher`` other processes share the run, and it passes on what becomes ready and is not claimed here.
    ``finished`` says that this process wrote the run's end, and ``run`` then says how it ended.
    """

    def __init__(
        self,
        run: PipelineRun,
        graph: Graph,
        named: Named,
        rows: Mapping[Item, Row] | None = None,
    ) -> None:
        """With ``rows`` those are the run's, at its revision; without, they are read."""
        self.run = run
        self.graph = graph
        self.results = Results(run.pk)
        self.finished = False
        self._dispatcher: Dispatcher | None = None
        self._handlers: Collection[str] | None = None
        self._named = named
        self._pace = Pace()
        self._lock = threading.RLock()
        self._state = self._read() if rows is None else self._state_of(rows, run.revision)

    @classmethod
    def of(
        cls, run_id: uuid.UUID, *, executor: str | None = None, handlers: Collection[str] | None = None
    ) -> "Conductor":
        """Take up a run, whoever began it, for the given executor or the one in the settings.

        Only steps of these ``handlers`` are claimed; None are all that this process has code for.
        """
        conductor = _begun.pop(run_id, None)
        if conductor is None:
            run = PipelineRun.objects.select_related("pipeline", "pipeline_version__pipeline", "design_split").get(
                pk=run_id
            )
            conductor = cls._of_run(run, None)
        return conductor._for(executor or settings.PIPELINE_EXECUTOR, handlers)

    @classmethod
    def taken_up(
        cls, run: PipelineRun, rows: Mapping[Item, Row], *, executor: str, handlers: Collection[str] | None
    ) -> "Conductor":
        """As ``of``, for a run that has just been read with its rows."""
        conductor = _begun.pop(run.pk, None) or cls._of_run(run, rows)
        return conductor._for(executor, handlers)

    @classmethod
    def _of_run(cls, run: PipelineRun, rows: Mapping[Item, Row] | None) -> "Conductor":
        graph = definitions.frozen_graph(run)
        return cls(run, graph, definitions.frozen_names(run, graph), rows)

    def _for(self, executor: str, handlers: Collection[str] | None) -> "Conductor":
        self._dispatcher = dispatcher_of(executor)
        self._handlers = handlers
        return self

    @classmethod
    def begun(cls, run: PipelineRun, named: Named) -> "Conductor":
        """Take up a run that is being made and has no rows. The next to take it up in this process gets this conductor.

        Should the run have moved meanwhile, the database refuses what was decided on older rows, as it always does.
        """
        conductor = cls(run, definitions.frozen_graph(run), named, {})
        conductor._dispatcher = dispatcher_of(settings.PIPELINE_EXECUTOR)
        _begun[run.pk] = conductor
        while len(_begun) > MAX_BEGUN:
            with suppress(KeyError):
                _begun.popitem(last=False)
        return conductor

    def step_version(self, item: Item) -> StepVersion:
        return self._named.steps[self.node(item).step_version_id]

    def node(self, item: Item) -> Node:
        return self.graph.node(item.node_key)

    def profile(self, item: Item) -> list[MetricProfileItem]:
        """What the item's node is measured by, as it stood when this process took up the run."""
        return self._named.profiles.get(self.node(item).metric_profile_id or "", [])

    def ended(self, nodes: Iterable[Node]) -> set[str]:
        """The keys of those of the nodes with ``forEach`` whose items have all ended, as far as this process knows."""
        mapped = [node.key for node in nodes if node.for_each is not None]
        if not mapped:
            return set()
        with self._lock:
            return {key for key in mapped if self._state.has_ended(key)}

    @cached_property
    def design(self) -> DesignBundle | None:
        """The design the run works on, opened once."""
        return open_bundle(self.run.design_split) if self.run.design_split else None

    def refresh(self) -> None:
        """Read the rows again: other processes may have moved the run."""
        with self._lock:
            self._state = self._read()

    def ready(self, limit: int) -> list[Item]:
        """What could be claimed now, as far as this process knows: at most ``limit`` items."""
        with self._lock:
            return self._state.ready(limit)

    def begin(self, *, release: bool) -> None:
        """Write the rows of a run that has none yet, and its own where it isn't; ``release`` what can start."""
        plant = not self._state.rows

        def decide(state: RunState) -> Iterator[Moves]:
            if release:
                yield next_moves(self.graph, state)

        self._carry((), decide, wanted=0, plant=plant)
        self.run._state.adding = False

    def advance(self) -> None:
        """Look at the whole graph and carry out what comes next: at the start of a run, and to heal one."""
        self._carry((), self._next(touched=None), wanted=0)

    def approve(self, item: Item) -> None:
        """Release a waiting row that a person has approved."""

        def decide(state: RunState) -> Iterator[Moves]:
            yield next_moves(self.graph, state, touched=(), approved=[item])

        self._carry((), decide, wanted=0)

    def decline(self, item: Item, reason: Reason) -> None:
        """Fail a waiting row that a person has declined, and go on as after any failure."""

        def decide(state: RunState) -> Iterator[Moves]:
            yield Moves(decline={item: reason})
            yield next_moves(self.graph, state, touched=[item.node_key])

        self._carry((), decide, wanted=0)

    def cancel(self) -> None:
        """Cancel all that has not settled, and end the run."""

        def decide(state: RunState) -> Iterator[Moves]:
            yield cancel_moves(self.graph, state)

        self._carry((), decide, wanted=0)

    def reclaim(self) -> None:
        """Take back what nobody works on any more, or too long: try again, or fail where that happened too often."""
        if not self._state.any_running():
            return
        for item, step_run_id, token, attempt, params, overdue in store.given_up(self.run.pk):
            claim = Claim(item, step_run_id, token, attempt, params, None)
            if item not in self._state.rows:
                self.refresh()
            self.settle(self.timed_out(claim) if overdue else self._lost(claim))

    def timed_out(self, claim: Claim, *, records: Mapping[str, Any] | None = None) -> Settlement:
        """The settlement of an attempt whose ``timeoutMs`` is over; ``records`` are what it left too late."""
        limit = self.node(claim.item).timeout_ms or 0
        message = (
            f"Step {claim.name} took longer than its timeoutMs of {limit:,} (attempt {claim.attempt}), so it was "
            "given up. Raise timeoutMs, or give the step less to do."
        )
        error = {"code": "timed-out", "message": message}
        if records and "testRun" in records:
            kept = {name: records[name] for name in ("testResults", "prompts", "logs") if name in records}
            records = kept | {"testRun": failed_entry(records["testRun"], error)}
        else:
            records = self._entry(claim, error, float(limit))
        return Settlement(claim, float(limit), error=error, records=records, kind="overdue")

    def _lost(self, claim: Claim) -> Settlement:
        message = f"The process that ran {claim.name} stopped before it was done (attempt {claim.attempt})."
        error = {"code": "worker-lost", "message": message}
        return Settlement(claim, 0.0, error=error, records=self._entry(claim, error, None), kind="lost")

    def _entry(self, claim: Claim, error: Mapping[str, Any], duration_ms: float | None) -> dict[str, Any]:
        """What the audit log says of an attempt that handed nothing over."""
        nothing = {"result": None, "prompted": None, "verdict": None, "ir_text": None}
        return test_run_rows(self.run, claim, error=error, duration_ms=duration_ms, **nothing)

    def given_back(self, item: Item) -> int:
        """How often the item was given back, uncounted."""
        return self._state.rows[item].released_count

    def claim(self, items: Sequence[Item], *, behind: uuid.UUID | None = None) -> list[Claim]:
        """Take ready step runs; those that another process was quicker with are left out.

        Whoever may lose the answer names what the claims come ``behind``, any value of its own: see ``claimed_behind``.
        """
        with self._lock:
            if any(item not in self._state.rows for item in items):
                self._state = self._read()
            wanted = self._wanted([item for item in items if item in self._state.rows], behind or uuid.uuid4())
            if not wanted:
                return []
            answer = store.claim(self.run.pk, self._claiming(wanted, len(wanted)) | self._pools(wanted))
            self._wake(answer)
            return self._take(wanted, answer)

    def claimed_behind(self, token: uuid.UUID) -> list[Claim]:
        """What is held since a settlement of this token, or a claim behind it, whose answer was lost."""
        claims = []
        modes = self._validation_modes(flags.state_of(flags.Key.IR_VALIDATION_MODE))
        for item, step_run_id, held_by, attempt, params in store.held_in(self.run.pk):
            if held_by == _token_behind(token, step_run_id):
                claims.append(Claim(item, step_run_id, held_by, attempt, params, *modes))
        return claims

    def settle(self, *settlements: Settlement, claim_next: int = 0) -> Settled:
        """Write what attempts came to, and what follows, and claim up to ``claim_next`` steps, in one transaction.

        A result whose lease was lost is not accepted, nor is one that came too late, nor any that is settled with it.
        Of more than one step only such are claimed as have been quick so far: see ``Pace``. ``THE_ONLY_ONE`` claims a
        step that follows alone, as in a chain.
        """
        items = [settlement.claim.item for settlement in settlements]
        for item, settlement in zip(items, settlements, strict=True):
            if settlement.error is None and settlement.ir_text is not None:
                self.results.remember(item, settlement.ir, settlement.metrics, len(settlement.ir_text))
        touched = list(dict.fromkeys(item.node_key for item in items))
        try:
            settled = self._carry(settlements, self._next(touched=touched), wanted=claim_next)
        except BaseException:
            self._forget(items)
            self.refresh()
            raise
        if not settled.accepted:
            self._forget(items)
        return settled

    def _forget(self, items: Iterable[Item]) -> None:
        for item in items:
            self.results.forget(item)

    def _next(self, *, touched: Sequence[str] | None) -> Decision:
        def decide(state: RunState) -> Iterator[Moves]:
            yield next_moves(self.graph, state, touched=touched)

        return decide

    def _carry(
        self, settlements: Sequence[Settlement], decide: Decision, *, wanted: int, plant: bool = False
    ) -> Settled:
        records = store.records_of(settlements)
        behind = settlements[0].claim.token if settlements else uuid.uuid4()
        with self._lock:
            for settlement in settlements:
                self._pace.note(settlement)
            while True:
                with self._state.trying():
                    wording = self._word(settlements, decide, plant=plant)
                    offered, limit = self._offer(wanted, wording.ready)
                    chosen = self._wanted(offered, behind, fresh=wording.ready)
                    call = wording.call | (self._claiming(chosen, limit) if chosen else {})
                    call |= self._passing_on(wording.ready, chosen, limit, in_lines=bool(settlements))
                    lining_up = wording.ready if settlements and self._dispatcher is not None else ()
                    call |= self._pools(chosen, wording.freed, lining_up)
                    answer = self._write(call, records, settlements)
                    if answer.outcome == "done":
                        self._state.keep(answer.revision)
                if answer.outcome == "done":
                    if answer.ended is not None:
                        self._end(call["finish"]["status"], answer.ended)
                    return Settled(True, self._take(chosen, answer))
                if answer.moved is None:
                    self._state = self._read()
                    return Settled(False, [], overdue=answer.outcome == "overdue")
                self._state.catch_up(answer.moved, answer.revision)

    def _end(self, status: str, ended: Mapping[str, Any]) -> None:
        self.finished = True
        self.run.status, self.run.error = status, ended["error"]
        self.run.finished_at = datetime.fromisoformat(ended["finishedAt"])
        self.run.revision = self._state.revision

    def _offer(self, wanted: int, fresh: Mapping[Item, int]) -> tuple[list[Item], int]:
        """Candidates to claim, and how many of them at most: several where they are quick, else one.

        Others may be quicker to take that one, so where there are others there are more candidates for it.
        """
        if wanted == THE_ONLY_ONE:
            return [item for item, delay in fresh.items() if len(fresh) == 1 and not delay], 1
        ready = self._state.ready(wanted)
        quick = self._pace.together([self.node(item) for item in ready])
        if quick > 1 or not ready:
            return ready[:quick], quick
        return self._state.ready(CANDIDATES if self._dispatcher else 1), 1

    def _word(self, settlements: Sequence[Settlement], decide: Decision, *, plant: bool) -> "_Wording":
        """Decide on the state that the settlements bring about, and word it for the database."""
        wording = _Wording(self, self._state)
        if plant:
            wording.plant()
        for settlement in settlements:
            wording.settle(settlement.claim.item, self._settle(settlement))
        for moves in decide(self._state):
            wording.carry_out(moves)
        return wording

    def _settle(self, settlement: Settlement) -> dict[str, Any]:
        claim, error = settlement.claim, settlement.error
        words: dict[str, Any] = {"id": claim.step_run_id, "token": claim.token, "error": error}
        delay = self._retry_delay(settlement) if error is not None else None
        if settlement.kind:
            words[settlement.kind] = 1
        if delay is not None:
            words |= {"status": "ready", "delayMs": delay, "error": None}
            words["pastAttempt"] = [{"attempt": claim.attempt, "error": error}]
        else:
            words["status"] = StepStatus.COMPLETED if error is None else StepStatus.FAILED
        return words

    def _retry_delay(self, settlement: Settlement) -> int | None:
        """Milliseconds to the next attempt, or None when there is none. Lost workers and failures are counted apart."""
        claim = settlement.claim
        row = self._state.rows[claim.item]
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        if settlement.kind == "released":
            return 0
        if settlement.kind == "lost":
            return lost_delay_ms(self.node(claim.item), losses=row.lost_count + 1, uniform=jitter)
        failures = claim.attempt - row.lost_count - row.released_count
        return retry_delay_ms(self.node(claim.item), failures=failures, uniform=jitter)

    def _write(
        self, call: Mapping[str, Any], records: store.Records, settlements: Sequence[Settlement]
    ) -> store.Answer:
        with_more = [one for one in settlements if one.outputs or one.cache_key]
        ends_design = "finish" in call and self.run.design_split_id is not None
        if not with_more and not ends_design:
            return self._ask(call, records)
        with transaction.atomic():
            for settlement in with_more:
                if settlement.outputs:
                    write_outputs(self.run, settlement.claim, settlement.outputs)
            answer = self._ask(call, records)
            if answer.outcome != "done":
                transaction.set_rollback(True)
                return answer
            for settlement in with_more:
                if settlement.cache_key:
                    _keep_for_later(settlement)
            if ends_design:
                refresh_design(self.run, call["finish"]["status"])
        return answer

    def _ask(self, call: Mapping[str, Any], records: store.Records) -> store.Answer:
        answer = store.carry(call, records)
        self._wake(answer)
        return answer

    def _wake(self, answer: store.Answer) -> None:
        if answer.queues and self._dispatcher is not None:
            self._dispatcher.wake(answer.queues)

    def _passing_on(
        self, ready: Mapping[Item, int], chosen: Mapping[Item, Mapping[str, Any]], limit: int, *, in_lines: bool
    ) -> dict[str, Any]:
        """Jobs for what becomes ready, unless all of it is sure to be claimed in the same call.

        ``in_lines``: a step of a pool gets in line, and its job when it is its turn; else it gets in line when its job
        finds the pool full. For that the pools' rows are held, so not where runs are begun, maybe many at once.
        """
        if self._dispatcher is None or not ready:
            return {}
        if len(ready) <= limit and all(item in chosen and "pool" not in chosen[item] for item in ready):
            return {}
        jobs = []
        for item, delay in ready.items():
            step = ReadyStep(self._state.rows[item].id, self.step_version(item).handler, self.run.priority, delay)
            stands_in_line = in_lines and not delay and self.node(item).pool is not None
            jobs.append({**self._dispatcher.job(step), **({"inLine": True} if stands_in_line else {})})
        return {"jobs": jobs}

    def _pools(
        self, chosen: Iterable[Item], freed: Collection[str] = (), lining_up: Iterable[Item] = ()
    ) -> dict[str, Any]:
        """The pools in which a call may take or free places, or have a step get in line."""
        named = (self.node(item).pool for item in (*chosen, *lining_up))
        pools = {pool for pool in named if pool is not None}.union(freed)
        if not pools:
            return {}
        return {"pools": sorted(pools)} | ({"turns": True} if self._has_queue else {})

    @property
    def _has_queue(self) -> bool:
        return self._dispatcher is not None or settings.PIPELINE_EXECUTOR == "distributed"

    def _wanted(
        self, items: Sequence[Item], behind: uuid.UUID, fresh: Collection[Item] = ()
    ) -> dict[Item, dict[str, Any]]:
        """What is asked of the database to claim these; an item of a handler that is not ours is left for others.

        ``fresh`` become ready in the same call.
        """
        wanted: dict[Item, dict[str, Any]] = {}
        for item in items:
            node, version = self.node(item), self.step_version(item)
            if not self._may_run(version.handler):
                self._state.put(item, backs_off=True)
                continue
            step_run_id = self._state.rows[item].id
            wanted[item] = {
                "id": step_run_id,
                "status": StepStatus.RUNNING,
                "token": _token_behind(behind, step_run_id),
                "params": effective_params(self.run, node, version),
                "leaseMs": settings.PIPELINE_LEASE_MS,
                "timeoutMs": node.timeout_ms,
            }
            if node.pool is not None:
                wanted[item] |= {"pool": node.pool, "weight": node.weight}
            if item in fresh:
                wanted[item]["fresh"] = True
        return wanted

    def _may_run(self, name: str) -> bool:
        return is_registered(name) and (self._handlers is None or name in self._handlers)

    def _claiming(self, wanted: Mapping[Item, Mapping[str, Any]], limit: int) -> dict[str, Any]:
        claiming: dict[str, Any] = {"claims": list(wanted.values()), "claimLimit": limit}
        return claiming | {"dequeue": True} if self._has_queue else claiming

    def _take(self, wanted: Mapping[Item, Mapping[str, Any]], answer: store.Answer) -> list[Claim]:
        claims = []
        for item, words in wanted.items():
            attempt = answer.claimed.get(words["id"])
            if attempt is not None:
                self._state.put(item, status=str(StepStatus.RUNNING), attempt=attempt)
                modes = self._validation_modes(answer.validation_mode)
                claims.append(Claim(item, words["id"], words["token"], attempt, words["params"], *modes))
            elif words["id"] in answer.refused and (self._dispatcher is None or "pool" not in words):
                # One that stands in a pool's line is the first to be offered again: it may have its turn by then.
                self._state.put(item, backs_off=True)
        return claims

    def _validation_modes(self, state: flags.State) -> tuple[str | None, Mapping[str, str]]:
        """The flag's value for this run, and for the prompts that have a rule of their own, by id.

        None where nothing is set, so that the environment's default holds.
        """
        if not state.asks_who:
            return state.value, {}
        user_id, pipeline_id = self.run.started_by_id, self.run.pipeline_id
        asked_for = flags.subject(state, user_id=user_id, pipeline_id=pipeline_id, run_id=self.run.pk)
        key = flags.Key.IR_VALIDATION_MODE
        return flags.judge(key, state, asked_for).value, flags.values_by_prompt(key, state, asked_for)

    def _read(self) -> RunState:
        return self._state_of(*store.read_rows(self.run.pk))

    def _state_of(self, rows: Mapping[Item, Row], revision: int) -> RunState:
        return RunState(self.graph, rows, revision=revision, inputs=self.run.inputs, results=self.results)


_begun: OrderedDict[uuid.UUID, Conductor] = OrderedDict()
"""Threads share it: each call on it is one step of the interpreter."""


def _token_behind(token: uuid.UUID, step_run_id: uuid.UUID) -> uuid.UUID:
    """The token of a claim: as unique as that of the attempt before, and known also where the answer was lost."""
    return uuid.uuid5(token, str(step_run_id))


def _keep_for_later(settlement: Settlement) -> None:
    """Note what an equal step finds this result by, and copy the records where it was itself found so."""
    row, reused = settlement.claim.step_run_id, settlement.reused
    noted = StepRun.objects.filter(pk=row)
    if reused is None:
        noted.update(cache_key=settlement.cache_key)
        return
    noted.update(cache_key=settlement.cache_key, reused_from=reused.ran)
    if not keep_alive(reused) or not copy_records({row: reused.copied}):
        raise ResultsPruned(f"The result that {settlement.claim.name} was to reuse has just been pruned.")


class _Wording:
    """Moves, carried out on the rows in memory and worded for ``pipelines_carry_on``."""

    def __init__(self, conductor: Conductor, state: RunState) -> None:
        self.ready: dict[Item, int] = {}
        """What becomes ready, and in how many milliseconds."""
        self.freed: set[str] = set()
        """The pools in which places become free."""
        self._conductor = conductor
        self._state = state
        self._settles: list[dict[str, Any]] = []
        self._update: list[dict[str, Any]] = []
        self._insert: dict[Item, dict[str, Any]] = {}
        self._finish: str | None = None

    def plant(self) -> None:
        """Add the row of each node; one with ``forEach`` has none until it is expanded."""
        for node in self._conductor.graph.nodes:
            if node.for_each is None:
                self._add(Item(node.key), StepStatus.PENDING)

    def settle(self, item: Item, words: dict[str, Any]) -> None:
        delay = words.get("delayMs")
        self._settles.append(words)
        self._free(item)
        row = self._state.rows[item]
        self._state.put(
            item,
            status=str(words["status"]),
            backs_off=bool(delay),
            lost_count=row.lost_count + words.get("lost", 0),
            released_count=row.released_count + words.get("released", 0),
        )
        if delay is not None:
            self.ready[item] = delay

    def carry_out(self, moves: Moves) -> None:
        for item in moves.start:
            self._move(item, StepStatus.READY)
        for item in moves.hold:
            self._move(item, StepStatus.PENDING, held=True)
        for item in moves.wait:
            self._move(item, StepStatus.WAITING)
        for expansion in moves.expand:
            self._expand(expansion)
        for item, status, reason in _endings(moves):
            self._end(item, status, reason)
        self._cancel(moves.cancel)
        if moves.finish is not None:
            self._finish = moves.finish.value

    @property
    def call(self) -> dict[str, Any]:
        """What the database is asked to do."""
        words = {"settles": self._settles, "update": self._update, "insert": list(self._insert.values())}
        call: dict[str, Any] = {name: word for name, word in words.items() if word}
        if self._finish is not None:
            call["finish"] = {"status": self._finish}
        run = self._conductor.run
        making = {"run": by_column(run)} if run._state.adding else {}
        return {"runId": run.pk, "revision": self._state.revision, **making, **call}

    def _move(self, item: Item, status: StepStatus, *, held: bool = False, **words: Any) -> None:
        if item not in self._state.rows:
            self._add(item, status, held=held, **words)
            return
        if self._state.rows[item].status == StepStatus.RUNNING:
            self._free(item)
        row = self._state.put(item, status=str(status), held=held, reason_code=words.get("reason_code", ""))
        if status == StepStatus.READY:
            self.ready[item] = 0
        moved = {"id": row.id, "status": status, "held": held, **words}
        if item in self._insert:
            self._insert[item] |= moved
        else:
            self._update.append(moved)

    def _free(self, item: Item) -> None:
        pool = self._conductor.node(item).pool
        if pool is not None:
            self.freed.add(pool)

    def _add(self, item: Item, status: StepStatus, *, held: bool = False, **words: Any) -> None:
        row = self._state.put(item, id=uuid7(), status=str(status), held=held, reason_code=words.get("reason_code", ""))
        node = self._conductor.node(item)
        if status == StepStatus.READY:
            self.ready[item] = 0
        self._insert[item] = {
            "id": row.id,
            "step_version_id": self._conductor.step_version(item).pk,
            "node_key": item.node_key,
            "map_index": item.map_index,
            "status": status,
            "held": held,
            "pool": node.pool,
            "weight": node.weight,
            **words,
        }

    def _expand(self, expansion: Expansion) -> None:
        for index in range(expansion.count):
            item = Item(expansion.node_key, index)
            if expansion.waiting:
                self._add(item, StepStatus.WAITING)
            elif index < expansion.start:
                self._add(item, StepStatus.READY)
            else:
                self._add(item, StepStatus.PENDING, held=True)

    def _end(self, item: Item, status: StepStatus, reason: Reason) -> None:
        words: dict[str, Any] = {"reason_code": reason.code, "reason": reason.message[:MAX_REASON]}
        if status == StepStatus.FAILED:
            words["error"] = {"code": reason.code.replace("_", "-"), "message": reason.message}
        self._move(item, status, **words)

    def _cancel(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        for item in self._state.unfinished_items(keys):
            self._move(item, StepStatus.CANCELLED)
        for key in keys:
            if not self._state.has_rows(key):
                self._move(Item(key), StepStatus.CANCELLED)


def _endings(moves: Moves) -> Iterator[tuple[Item, StepStatus, Reason]]:
    """Rows that settle without having run."""
    for item, reason in moves.decline.items():
        yield item, StepStatus.FAILED, reason
    for key, reason in moves.skip.items():
        yield Item(key), StepStatus.SKIPPED, reason
    for key, reason in moves.fail.items():
        yield Item(key), StepStatus.FAILED, reason
    for key in moves.complete:
        yield Item(key), StepStatus.COMPLETED, Reason("no_items", "there was no item to run for")

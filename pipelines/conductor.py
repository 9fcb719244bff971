"""One run as one process carries it: its graph and its rows in memory, and one call to PostgreSQL for each step.

Several threads share a ``Conductor``; so may several processes share a run, each with a conductor of its own. Whoever
writes names the revision it decided on; when somebody else was quicker, the rows are read again and the decision is
made anew.
"""

import random
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db import transaction

from config.models import uuid7
from metrics.models import MetricProfileItem
from metrics.services import profile_items
from pipelines import definitions, leases, store
from pipelines.claims import Claim, Settlement
from pipelines.context import effective_params
from pipelines.dag import Graph, Node
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.intake import open_bundle
from pipelines.designs.summary import refresh_design
from pipelines.models import PipelineRun, StepVersion
from pipelines.models.runs import StepStatus
from pipelines.outputs import write_outputs
from pipelines.results import Results
from pipelines.scheduling import Expansion, Item, Moves, Reason, cancel_moves, lost_delay_ms, next_moves, retry_delay_ms
from pipelines.state import RunState

MAX_REASON = 500

Decision = Callable[[RunState], Iterator[Moves]]


class Conductor:
    """Claims and settles the steps of one run."""

    def __init__(self, run: PipelineRun, graph: Graph, step_versions: Mapping[uuid.UUID, StepVersion]) -> None:
        self.run = run
        self.graph = graph
        self.results = Results(run.pk)
        self._step_versions = step_versions
        self._profiles: dict[str, list[MetricProfileItem]] = {}
        self._lock = threading.RLock()
        self._state = self._read()

    @classmethod
    def of(cls, run_id: uuid.UUID) -> "Conductor":
        """Take up a run, whoever began it."""
        run = PipelineRun.objects.select_related("pipeline", "design_split").get(pk=run_id)
        graph = definitions.frozen_graph(run)
        ids = {definitions.frozen_step_version(node) for node in graph.nodes}
        return cls(run, graph, StepVersion.objects.in_bulk(list(ids)))

    def step_version(self, item: Item) -> StepVersion:
        return self._step_versions[definitions.frozen_step_version(self.graph.node(item.node_key))]

    def node(self, item: Item) -> Node:
        return self.graph.node(item.node_key)

    def profile(self, item: Item) -> list[MetricProfileItem]:
        """What the item's node is measured by; read once a run."""
        reference = self.node(item).metric_profile_id
        if reference is None:
            return []
        if reference not in self._profiles:
            self._profiles[reference] = profile_items(reference)
        return self._profiles[reference]

    @cached_property
    def design(self) -> DesignBundle | None:
        """The design the run works on, opened once."""
        return open_bundle(self.run.design_split) if self.run.design_split else None

    def refresh(self) -> None:
        """Read the rows again: other processes may have moved the run."""
        with self._lock:
            self._state = self._read()

    def ready(self) -> list[Item]:
        """What could be claimed now, as far as this process knows."""
        with self._lock:
            return self._state.ready()

    def advance(self) -> None:
        """Look at the whole graph and carry out what comes next: at the start of a run, and to heal one."""
        self._carry(None, self._next(touched=None), wanted=0)

    def cancel(self) -> None:
        """Cancel all that does not run. The run's row says already that its cancellation was requested."""

        def decide(state: RunState) -> Iterator[Moves]:
            yield cancel_moves(self.graph, state)
            yield next_moves(self.graph, state)

        self._carry(None, decide, wanted=0)

    def reclaim(self) -> None:
        """Take back what nobody works on any more: try again, or fail where that happened too often."""
        for item, step_run_id, token, attempt in store.expired(self.run.pk):
            claim = Claim(item, step_run_id, token, attempt, {}, None)
            error = {
                "code": "worker-lost",
                "message": f"The process that ran {claim.name} stopped before it was done (attempt {attempt}).",
            }
            self.refresh()
            self.settle(Settlement(claim, 0.0, error=error, lost=True))

    def claim(self, items: Sequence[Item]) -> list[Claim]:
        """Take ready step runs; those that another process was quicker with are left out."""
        with self._lock:
            wanted = self._wanted(items)
            if not wanted:
                return []
            answer = store.claim(self.run.pk, list(wanted.values()))
            return self._take(wanted, answer)

    def settle(self, settlement: Settlement, *, claim_next: int = 0) -> tuple[bool, list[Claim]]:
        """Write what an attempt came to, and what follows, and claim up to ``claim_next`` steps, in one transaction.

        Returns whether the result was accepted, and the claims. A result whose lease was lost is discarded whole.
        """
        item = settlement.claim.item
        if settlement.error is None and settlement.ir_text is not None:
            self.results.remember(item, settlement.ir, settlement.metrics, len(settlement.ir_text))
        try:
            accepted, claims = self._carry(settlement, self._next(touched=[item.node_key]), wanted=claim_next)
        except BaseException:
            self.results.forget(item)
            self.refresh()
            raise
        if not accepted:
            self.results.forget(item)
        return accepted, claims

    def _next(self, *, touched: Sequence[str] | None) -> Decision:
        def decide(state: RunState) -> Iterator[Moves]:
            yield next_moves(self.graph, state, touched=touched)

        return decide

    def _carry(self, settlement: Settlement | None, decide: Decision, *, wanted: int) -> tuple[bool, list[Claim]]:
        while True:
            with self._lock:
                call = self._call(settlement, decide)
                chosen = self._wanted(self._state.ready()[:wanted])
                if chosen:
                    call["claims"] = list(chosen.values())
                answer = self._write(call, settlement)
                if answer.outcome == "done":
                    self._state.revision = answer.revision
                    return True, self._take(chosen, answer)
                self._state = self._read()
                if answer.outcome == "lost":
                    return False, []

    def _call(self, settlement: Settlement | None, decide: Decision) -> dict[str, Any]:
        """Decide on the state that the settlement brings about, and word it for the database."""
        state = self._state
        call: dict[str, Any] = {"runId": self.run.pk, "revision": state.revision}
        if settlement is not None:
            call["settle"] = self._settle(settlement)
            call["records"] = settlement.records
        wording = _Wording(self, state)
        for moves in decide(state):
            wording.carry_out(moves)
        return call | wording.words()

    def _settle(self, settlement: Settlement) -> dict[str, Any]:
        claim, error = settlement.claim, settlement.error
        words: dict[str, Any] = {"id": claim.step_run_id, "token": claim.token, "error": error}
        delay = self._retry_delay(settlement) if error is not None else None
        if settlement.lost:
            words["lost"] = 1
        if delay is not None:
            words |= {"status": "ready", "delayMs": delay, "error": None}
            words["pastAttempt"] = [{"attempt": claim.attempt, "error": error}]
        else:
            words["status"] = StepStatus.COMPLETED if error is None else StepStatus.FAILED
        self._state.put(claim.item, status=str(words["status"]), backs_off=delay is not None)
        return words

    def _retry_delay(self, settlement: Settlement) -> int | None:
        """Milliseconds to the next attempt, or None when there is none. Lost workers and failures are counted apart."""
        if self._state.cancelling():
            return None
        claim = settlement.claim
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        lost = self._state.rows[claim.item].lost_count
        if settlement.lost:
            return lost_delay_ms(self.node(claim.item), losses=lost + 1, uniform=jitter)
        return retry_delay_ms(self.node(claim.item), failures=claim.attempt - lost, uniform=jitter)

    def _write(self, call: Mapping[str, Any], settlement: Settlement | None) -> store.Answer:
        ir = settlement.ir_text if settlement else None
        outputs = settlement.outputs if settlement else ()
        ends_design = "finish" in call and self.run.design_split_id is not None
        if not outputs and not ends_design:
            return store.carry(call, ir)
        with transaction.atomic():
            if settlement is not None and outputs:
                write_outputs(self.run, settlement.claim, outputs)
            answer = store.carry(call, ir)
            if answer.outcome != "done":
                transaction.set_rollback(True)
            elif ends_design:
                refresh_design(self.run, call["finish"]["status"])
        return answer

    def _wanted(self, items: Sequence[Item]) -> dict[Item, dict[str, Any]]:
        wanted: dict[Item, dict[str, Any]] = {}
        for item in items:
            node = self.node(item)
            wanted[item] = {
                "id": self._state.rows[item].id,
                "token": uuid.uuid4(),
                "params": effective_params(self.run, node, self.step_version(item)),
                "leaseMs": leases.LEASE_MS,
                "timeoutMs": node.timeout_ms,
            }
        return wanted

    def _take(self, wanted: Mapping[Item, Mapping[str, Any]], answer: store.Answer) -> list[Claim]:
        claims = []
        for item, words in wanted.items():
            attempt = answer.claimed.get(words["id"])
            if attempt is None:
                continue
            self._state.put(item, status=str(StepStatus.RUNNING), attempt=attempt)
            claims.append(Claim(item, words["id"], words["token"], attempt, words["params"], answer.validation_mode))
        return claims

    def _read(self) -> RunState:
        rows, revision, cancelling = store.read_rows(self.run.pk)
        return RunState(
            self.graph, rows, revision=revision, cancelling=cancelling, inputs=self.run.inputs, results=self.results
        )


class _Wording:
    """Moves, carried out on the rows in memory and worded for ``pipelines_carry``."""

    def __init__(self, conductor: Conductor, state: RunState) -> None:
        self._conductor = conductor
        self._state = state
        self._update: list[dict[str, Any]] = []
        self._insert: list[dict[str, Any]] = []
        self._finish: str | None = None

    def carry_out(self, moves: Moves) -> None:
        for item in moves.start:
            self._move(item, StepStatus.READY)
        for item in moves.hold:
            self._move(item, StepStatus.PENDING, held=True)
        for item in moves.wait:
            self._move(item, StepStatus.WAITING)
        for expansion in moves.expand:
            self._expand(expansion)
        for key, reason in moves.skip.items():
            self._settle(key, StepStatus.SKIPPED, reason)
        for key, reason in moves.fail.items():
            self._settle(key, StepStatus.FAILED, reason)
        for key in moves.complete:
            self._settle(key, StepStatus.COMPLETED, Reason("no_items", "there was no item to run for"))
        for key in moves.cancel:
            self._cancel(key)
        if moves.finish is not None:
            self._finish = moves.finish.value

    def words(self) -> dict[str, Any]:
        words: dict[str, Any] = {"update": self._update, "insert": self._insert}
        words = {name: rows for name, rows in words.items() if rows}
        if self._finish is not None:
            words["finish"] = {"status": self._finish}
        return words

    def _move(self, item: Item, status: StepStatus, *, held: bool = False, **words: Any) -> None:
        if item not in self._state.rows:
            self._add(item, status, held=held, **words)
            return
        row = self._state.put(item, status=str(status), held=held, reason_code=words.get("reason_code", ""))
        self._update.append({"id": row.id, "status": status, "held": held, **words})

    def _add(self, item: Item, status: StepStatus, *, held: bool = False, **words: Any) -> None:
        row = self._state.put(item, id=uuid7(), status=str(status), held=held, reason_code=words.get("reason_code", ""))
        self._insert.append(
            {
                "id": row.id,
                "step_version_id": self._conductor.step_version(item).pk,
                "node_key": item.node_key,
                "map_index": item.map_index,
                "status": status,
                "held": held,
                **words,
            }
        )

    def _expand(self, expansion: Expansion) -> None:
        for index in range(expansion.count):
            item = Item(expansion.node_key, index)
            if expansion.waiting:
                self._add(item, StepStatus.WAITING)
            elif index < expansion.start:
                self._add(item, StepStatus.READY)
            else:
                self._add(item, StepStatus.PENDING, held=True)

    def _settle(self, key: str, status: StepStatus, reason: Reason) -> None:
        words: dict[str, Any] = {"reason_code": reason.code, "reason": reason.message[:MAX_REASON]}
        if status == StepStatus.FAILED:
            words["error"] = {"code": reason.code.replace("_", "-"), "message": reason.message}
        self._move(Item(key), status, **words)

    def _cancel(self, key: str) -> None:
        for item in self._state.unfinished_items(key):
            self._move(item, StepStatus.CANCELLED)
        if not self._state.has_rows(key):
            self._move(Item(key), StepStatus.CANCELLED)

"""What a process holds while it works on a step, and what it hands in when it is done."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pipelines.scheduling import Item
from pipelines.steps.contract import Output


@dataclass(frozen=True, slots=True)
class Claim:
    """A step run that this process holds, for the one attempt that ``token`` names.

    ``validation_mode`` is the flag's value as the claim found it; ``prompt_modes`` those of prompts that have a rule of
    their own, by id.
    """

    item: Item
    step_run_id: uuid.UUID
    token: uuid.UUID
    attempt: int
    params: Mapping[str, Any]
    validation_mode: str | None
    prompt_modes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``node``, or ``node[3]`` for an item."""
        node_key, map_index = self.item
        return node_key if map_index is None else f"{node_key}[{map_index}]"


class Reused(NamedTuple):
    """The step run whose records are ``copied`` in place of running, and the one that really ``ran``."""

    copied: uuid.UUID
    ran: uuid.UUID


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended and what it leaves. Without ``error`` (``{code, message}``) it is completed.

    ``records`` are rows as ``pipelines_carry_on`` takes them; ``ir_text`` is the IR as JSON; ``outputs`` become
    domain rows. ``kind`` says how an attempt ended that did not end by itself: its lease ran out (``lost``), its time
    did (``overdue``), or its worker was stopped and gave it back (``released``). ``cache_key`` is what an equal step
    finds the result by; with ``reused`` the step did not run, and the records are those of an earlier one.
    """

    claim: Claim
    duration_ms: float
    error: Mapping[str, Any] | None = None
    records: Mapping[str, Any] = field(default_factory=dict)
    ir: Any = None
    ir_text: bytes | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    outputs: Sequence[Output] = ()
    kind: Literal["", "lost", "overdue", "released"] = ""
    cache_key: str = ""
    reused: Reused | None = None

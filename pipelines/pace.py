"""How many steps to claim at once: where they are quick, a call to PostgreSQL for each would cost more than they do.

Whoever claims several runs them one after another and settles them in one call. Should one turn out slow, the others
wait for it once: its node is not quick from then on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from pipelines.claims import Settlement
from pipelines.dag import Node

MOST = 16
QUICK_MS = 50.0
"""A node is quick while none of its steps has taken longer."""
TOGETHER_MS = 20.0
"""What steps that are claimed at once may be expected to take together."""


class Pace:
    """How long the steps of each node have taken in this process, in one run."""

    def __init__(self) -> None:
        self._ran: Counter[str] = Counter()
        self._total_ms: defaultdict[str, float] = defaultdict(float)
        self._slow: set[str] = set()

    def note(self, settlement: Settlement) -> None:
        key, took = settlement.claim.item.node_key, settlement.duration_ms
        if settlement.kind == "released":
            return
        self._ran[key] += 1
        self._total_ms[key] += took
        if took > QUICK_MS or settlement.kind:
            self._slow.add(key)

    def together(self, nodes: Iterable[Node]) -> int:
        """How many of these, from the first on, to claim at once: one, or as many as are known to be quick.

        No more of a node than have run, so that few are bet on little. A node whose time counts from the claim, or that
        may be done by an earlier result, goes alone.
        """
        count, expected = 0, 0.0
        claimed: Counter[str] = Counter()
        for node in nodes:
            ran = self._ran[node.key]
            claimed[node.key] += 1
            alone = node.timeout_ms is not None or node.cache or node.key in self._slow or claimed[node.key] > ran
            expected += 0.0 if alone else self._total_ms[node.key] / ran
            if alone or expected > TOGETHER_MS or count == MOST:
                break
            count += 1
        return max(1, count)

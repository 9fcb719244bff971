"""What a rerun keeps of the run before it, and what of it runs again. Pure; ``docs/runs.md`` has the rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipelines.dag import Graph
from pipelines.scheduling import BLOCKING_CODES, Item


@dataclass(frozen=True, slots=True)
class Earlier:
    """How a row of the earlier run ended. ``usable``: it completed, and what it handed over is still there."""

    status: str
    reason_code: str = ""
    usable: bool = False

    @property
    def not_wanted(self) -> bool:
        """Whether it was skipped for a reason of its own, and not because something above it could not be had."""
        return self.status == "skipped" and self.reason_code not in BLOCKING_CODES


@dataclass(frozen=True, slots=True)
class Plan:
    """``keep``: rows of which the rerun gets a copy. ``again``: items that run again beside kept items of their node.

    ``anew``: nodes that are decided again from the start, in topological order.
    """

    keep: tuple[Item, ...]
    again: tuple[Item, ...]
    anew: tuple[str, ...]


def plan_rerun(graph: Graph, rows: Mapping[Item, Earlier], named: Collection[str]) -> Plan:
    """What to keep of ``rows``, the rows of a run that ended, when the ``named`` nodes are to run again.

    Whatever has no result to keep runs again too, and so does all that lies below what runs again. Of a node with
    ``forEach`` that is not named and lies below no such node, only the items without a result run again.
    """
    unfit = {item for item, row in rows.items() if not row.usable and not row.not_wanted}
    unfit_keys = {item.node_key for item in unfit} | (graph.by_key.keys() - {item.node_key for item in rows})
    whole = {*named, *graph.descendants([*named, *unfit_keys])}
    whole |= unfit_keys - {item.node_key for item, row in rows.items() if item.map_index is not None and row.usable}
    return Plan(
        keep=tuple(item for item in rows if item not in unfit and item.node_key not in whole),
        again=tuple(item for item in rows if item in unfit and item.node_key not in whole),
        anew=tuple(node.key for node in graph.nodes if node.key in whole),
    )

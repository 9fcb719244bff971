"""The picture of a DAG as a template draws it: what stands in each box, and its label in words."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.dag import Graph, Node, TriggerRule
from pipelines.dag.problems import shorten
from pipelines.drawing import Box, Folded, Line, fold, lay_out

MOST_KEY, MOST_NOTE, MOST_GROUP = 24, 30, 32
TALL = 80
"""The height of a box with a row of marks."""

RULES = {
    TriggerRule.ALL_DONE: "starts when all its parents are done, whatever came of them",
    TriggerRule.ONE_SUCCESS: "starts when one of its parents has succeeded",
    TriggerRule.NONE_FAILED: "starts when none of its parents has failed",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A rule of a node: an icon, and the rule in words."""

    icon: str
    title: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a box shows. ``colour`` and ``icon`` go with ``note``, which says the same in words.

    ``done`` is how far it has come, in per cent, where that is known.
    """

    note: str
    icon: str = ""
    colour: str = "default"
    url: str = ""
    done: int | None = None


@dataclass(frozen=True, slots=True)
class PictureBox:
    """One box with its texts, cut to its width; ``label`` says everything."""

    box: Box
    members: tuple[str, ...]
    key: str
    note: str
    look: Look
    group: str
    marks: list[Mark]
    label: str


@dataclass(frozen=True, slots=True)
class PictureLine:
    """A line; ``kind`` is ``plain``, ``off`` (was not taken), ``added`` or ``removed``."""

    line: Line
    kind: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn DAG. ``folded`` counts the nodes that are drawn together with others."""

    boxes: list[PictureBox]
    lines: list[PictureLine]
    width: int
    height: int
    folded: int = 0
    legend: list[Mark] = field(default_factory=list)


LookOf = Callable[[tuple[str, ...]], Look]
KindOf = Callable[[tuple[str, ...], tuple[str, ...]], str]


def draw(graph: Graph, look_of: LookOf, kind_of: KindOf = lambda parents, children: "plain") -> Picture:
    """``look_of`` gets the keys behind a box: one, or several where the graph is too large to be drawn node by node.

    ``kind_of`` gets the keys at both ends of a line.
    """
    folded = fold({node.key: node.parents for node in graph.nodes})
    marks = {box: _box_marks(graph, members) for box, members in folded.members.items()}
    groups = {box: _group(graph, members) for box, members in folded.members.items()}
    tall = {box: TALL for box in folded.parents if marks[box] or groups[box]}
    layout = lay_out(folded.parents, tall)
    boxes = [
        _box(box, folded, look_of(folded.members[box.key]), marks[box.key], groups[box.key]) for box in layout.boxes
    ]
    return Picture(
        boxes=boxes,
        lines=[
            PictureLine(line, kind_of(folded.members[line.parent], folded.members[line.child])) for line in layout.lines
        ],
        width=layout.width,
        height=layout.height,
        folded=sum(len(members) for members in folded.members.values() if len(members) > 1),
        legend=_legend(graph, folded),
    )


def members_name(members: tuple[str, ...]) -> str:
    """The name of a box: its node's key, or how many nodes it stands for."""
    if len(members) == 1:
        return members[0]
    return f"{shorten(members[0], MOST_KEY - 10)} and {len(members) - 1:,} more"


def node_marks(node: Node) -> list[Mark]:
    """The rules of a node that are not what every node does."""
    wanted = [
        (node.for_each, "stacks", f"runs once for each item of {node.for_each}"),
        (node.condition, "rule", f"runs only if {node.condition}"),
        (node.approval, "front_hand", "waits for a person's approval"),
        (node.trigger_rule in RULES, "call_merge", RULES.get(node.trigger_rule, "")),
        (node.retries, "replay", f"is tried again up to {node.retries} time{'s' if node.retries > 1 else ''}"),
        (node.timeout_ms, "timer", f"may take {(node.timeout_ms or 0) / 1000:g} s"),
        (node.cache, "bolt", "reuses an earlier result with the same inputs"),
        (node.continue_on_fail, "shield", "may fail without failing the run"),
    ]
    return [Mark(icon, shorten(title, 200)) for applies, icon, title in wanted if applies]


LEGEND = {
    "stacks": "once for each item",
    "rule": "condition",
    "front_hand": "approval",
    "call_merge": "trigger rule",
    "replay": "retries",
    "timer": "time limit",
    "bolt": "cache",
    "shield": "may fail",
}


def _legend(graph: Graph, folded: Folded) -> list[Mark]:
    used = {mark.icon for members in folded.members.values() for mark in _box_marks(graph, members)}
    return [Mark(icon, title) for icon, title in LEGEND.items() if icon in used]


def _box_marks(graph: Graph, members: tuple[str, ...]) -> list[Mark]:
    return node_marks(graph.node(members[0])) if len(members) == 1 else []


def _group(graph: Graph, members: tuple[str, ...]) -> str:
    """The parallel group of the nodes behind a box, where all share one."""
    groups = {graph.node(key).parallel_group for key in members}
    name = groups.pop() if len(groups) == 1 else None
    if name is None:
        return ""
    limit = graph.limit(name)
    return name if limit is None else f"{name}, {limit} at a time"


def _box(box: Box, folded: Folded, look: Look, marks: list[Mark], group: str) -> PictureBox:
    members = folded.members[box.key]
    name = members_name(members)
    rules = [*([f"in group {group}"] if group else []), *(mark.title for mark in marks)]
    label = "; ".join([f"{name}: {look.note}" if look.note else name, *rules])
    return PictureBox(
        box=box,
        members=members,
        key=shorten(name, MOST_KEY),
        note=shorten(look.note, MOST_NOTE),
        look=look,
        group=shorten(group, MOST_GROUP - 3 * len(marks)),
        marks=marks,
        label=label,
    )

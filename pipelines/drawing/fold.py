"""What is drawn as one box where a DAG has more nodes or lines than anybody could look at."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from pipelines.drawing.layers import Parents, items_needed, layer_of

MOST_BOXES = 120
MOST_LINES = 400
MOST_ITEMS = 600
MOST_LAYERS = 40


@dataclass(frozen=True, slots=True)
class Folded:
    """A smaller graph: ``members`` are the nodes behind each box, which is named after the first of them."""

    parents: Parents
    members: dict[str, tuple[str, ...]]

    @property
    def is_light(self) -> bool:
        """Whether it can be drawn, and looked at."""
        lines = sum(map(len, self.parents.values()))
        layers = 1 + max(layer_of(self.parents).values(), default=0)
        is_small = len(self.parents) <= MOST_BOXES and lines <= MOST_LINES and layers <= MOST_LAYERS
        return is_small and items_needed(self.parents) <= MOST_ITEMS


def fold(parents: Parents) -> Folded:
    """The finest of these that is light enough: every node by itself; nodes with the same parents and the same
    children as one; each layer as one; then 2, 4, 8, ... neighbouring layers as one.
    """
    return next(folded for folded in _coarser_and_coarser(parents) if folded.is_light)


def _coarser_and_coarser(parents: Parents) -> Iterator[Folded]:
    layers = layer_of(parents)
    yield _fold_by(parents, layers, lambda key: key)
    children: dict[str, list[str]] = defaultdict(list)
    for key, above in parents.items():
        for parent in above:
            children[parent].append(key)
    yield _fold_by(parents, layers, lambda key: (frozenset(parents[key]), tuple(children[key])))
    width = 1
    while True:
        yield _fold_by(parents, layers, lambda key, width=width: layers[key] // width)  # type: ignore[misc]
        width *= 2


def _fold_by(parents: Parents, layers: dict[str, int], group_of: Callable[[str], Hashable]) -> Folded:
    """Groups must be whole within layers: then lines between them keep their direction."""
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for key in sorted(parents, key=layers.__getitem__):
        groups[group_of(key)].append(key)
    box_of = {key: members[0] for members in groups.values() for key in members}
    members = {members[0]: tuple(members) for members in groups.values()}
    above = {box: {box_of[parent]: None for key in keys for parent in parents[key]} for box, keys in members.items()}
    return Folded({box: [parent for parent in found if parent != box] for box, found in above.items()}, members)

"""A layered drawing of a DAG: boxes that never overlap, and lines that never pass under one.

A line that passes a layer gets a place of its own there, between the boxes, so that it is routed around them. Layers
stand side by side from left to right; where there are too many for a page's width, one below the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pipelines.drawing.crossings import Layers, untangle
from pipelines.drawing.layers import Parents, in_layers, layer_of
from pipelines.drawing.places import place_near

WIDTH, HEIGHT = 208, 56
LANE = 8
"""How much of a layer a line takes that passes it."""
GAP = 16
"""Between neighbours in a layer."""
LAYER_GAP_RIGHT, LAYER_GAP_DOWN = 56, 40
MARGIN = 8
PASSES = 6
HEAD = 5
PAGE_WIDTH = 1_200

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A node's box. All lengths are in pixels of a drawing that is not scaled."""

    key: str
    x: int
    y: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Line:
    """From a parent to its child. ``points`` are its corners, each further on than the one before."""

    parent: str
    child: str
    points: tuple[Point, ...]
    goes_down: bool = False

    @property
    def path(self) -> str:
        """The line as SVG path data: straight through the layers it passes, curved between them."""
        x, y = self.points[0]
        return f"M{x} {y}" + "".join(self._part(one, other) for one, other in pairwise(self.points))

    def _part(self, one: Point, other: Point) -> str:
        (x1, y1), (x2, y2) = one, other
        if x1 == x2 or y1 == y2:
            return f"L{x2} {y2}"
        if self.goes_down:
            middle = (y1 + y2) // 2
            return f"C{x1} {middle} {x2} {middle} {x2} {y2}"
        middle = (x1 + x2) // 2
        return f"C{middle} {y1} {middle} {y2} {x2} {y2}"

    @property
    def head(self) -> str:
        """The arrow's head as SVG path data."""
        x, y = self.points[-1]
        sides = [(-HEAD, -HEAD), (HEAD, -HEAD)] if self.goes_down else [(-HEAD, -HEAD), (-HEAD, HEAD)]
        (x1, y1), (x2, y2) = sides
        return f"M{x + x1} {y + y1}L{x} {y}L{x + x2} {y + y2}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes in the order of their layers, and of their places within one."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def lay_out(parents: Parents, heights: Mapping[str, int] | None = None) -> Layout:
    """Draw a graph that is small enough: see ``fold``. The same graph always gives the same drawing.

    ``heights`` are those of boxes that need another height than ``HEIGHT``.
    """
    plan = _Plan(parents, heights or {})
    layers = untangle(plan.layers, plan.above, plan.below)
    rightwards = _drawn(plan, layers, goes_down=False)
    if rightwards.width <= PAGE_WIDTH:
        return rightwards
    downwards = _drawn(plan, layers, goes_down=True)
    return downwards if downwards.width < rightwards.width else rightwards


class _Plan:
    """The graph in items by number: the nodes first, then a place for each layer that a line passes."""

    def __init__(self, parents: Parents, heights: Mapping[str, int]) -> None:
        self.keys = list(parents)
        self.heights = [heights.get(key, HEIGHT) for key in self.keys]
        number = {key: item for item, key in enumerate(self.keys)}
        layer = layer_of(parents)
        self.layers: Layers = [[number[key] for key in keys] for keys in in_layers(layer, self.keys)]
        self.above: list[list[int]] = [[] for _ in self.keys]
        self.below: list[list[int]] = [[] for _ in self.keys]
        self.routes: list[list[int]] = []
        for key, above in parents.items():
            for parent in above:
                passed = [self._lane(index) for index in range(layer[parent] + 1, layer[key])]
                self._join([number[parent], *passed, number[key]])

    def _lane(self, layer: int) -> int:
        item = len(self.above)
        self.above.append([])
        self.below.append([])
        self.layers[layer].append(item)
        return item

    def _join(self, route: list[int]) -> None:
        self.routes.append(route)
        for one, other in pairwise(route):
            self.below[one].append(other)
            self.above[other].append(one)

    def is_box(self, item: int) -> bool:
        return item < len(self.keys)

    def breadth(self, item: int, *, goes_down: bool) -> int:
        """How much of its layer the item takes."""
        if not self.is_box(item):
            return LANE
        return WIDTH if goes_down else self.heights[item]

    def depth(self, item: int, *, goes_down: bool) -> int:
        """How thick its layer must be for the item."""
        if not self.is_box(item):
            return 0
        return self.heights[item] if goes_down else WIDTH


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item begins, along the lines' direction and across it; ``end`` is along, too."""

    along: int
    across: int
    end: int
    breadth: int


def _drawn(plan: _Plan, layers: Layers, *, goes_down: bool) -> Layout:
    places = _places(plan, layers, goes_down=goes_down)
    boxes = tuple(
        Box(plan.keys[item], *_point(places[item].along, places[item].across, goes_down), height=plan.heights[item])
        for layer in layers
        for item in layer
        if plan.is_box(item)
    )
    lines = tuple(_line(plan, route, places, goes_down) for route in plan.routes)
    corners = [(box.x + box.width, box.y + box.height) for box in boxes] + [p for line in lines for p in line.points]
    return Layout(
        boxes=boxes,
        lines=lines,
        width=max((x for x, _ in corners), default=0) + MARGIN,
        height=max((y for _, y in corners), default=0) + MARGIN,
    )


def _places(plan: _Plan, layers: Layers, *, goes_down: bool) -> dict[int, _Place]:
    breadths = {item: plan.breadth(item, goes_down=goes_down) for layer in layers for item in layer}
    starts = _starts(plan, layers, breadths)
    gap = LAYER_GAP_DOWN if goes_down else LAYER_GAP_RIGHT
    depths = [max(plan.depth(item, goes_down=goes_down) for item in layer) for layer in layers]
    begins = accumulate((depth + gap for depth in depths), initial=MARGIN)
    return {
        item: _Place(
            along=begin,
            across=starts[item],
            end=begin + (plan.depth(item, goes_down=goes_down) or depth),
            breadth=breadths[item],
        )
        for layer, begin, depth in zip(layers, begins, depths, strict=False)
        for item in layer
    }


def _starts(plan: _Plan, layers: Layers, breadths: Mapping[int, int]) -> dict[int, int]:
    """Where each item begins in its layer: as near to the middle of its neighbours as the order there allows."""
    middles: dict[int, float] = {}
    for layer in layers:
        start = 0.0
        for item in layer:
            middles[item] = start + breadths[item] / 2
            start += breadths[item] + GAP
    for turn in range(PASSES):
        sides = (plan.above, plan.below) if turn == PASSES - 1 else ((plan.above, plan.below)[turn % 2],)
        for layer in layers if turn % 2 == 0 else reversed(layers):
            _settle(layer, middles, breadths, sides)
    starts = {item: middle - breadths[item] / 2 for item, middle in middles.items()}
    first = min(starts.values(), default=0.0)
    return {item: round(start - first) + MARGIN for item, start in starts.items()}


def _settle(
    layer: list[int], middles: dict[int, float], breadths: Mapping[int, int], sides: Sequence[list[list[int]]]
) -> None:
    wanted = []
    for item in layer:
        near = [middles[other] for side in sides for other in side[item]]
        wanted.append(sum(near) / len(near) if near else middles[item])
    apart = [(breadths[one] + breadths[other]) / 2 + GAP for one, other in pairwise(layer)]
    for item, middle in zip(layer, place_near(wanted, apart), strict=True):
        middles[item] = middle


def _line(plan: _Plan, route: list[int], places: Mapping[int, _Place], goes_down: bool) -> Line:
    points = []
    for place in (places[item] for item in route):
        middle = place.across + place.breadth // 2
        points += [_point(place.along, middle, goes_down), _point(place.end, middle, goes_down)]
    return Line(plan.keys[route[0]], plan.keys[route[-1]], tuple(points[1:-1]), goes_down)


def _point(along: int, across: int, goes_down: bool) -> Point:
    return (across, along) if goes_down else (along, across)

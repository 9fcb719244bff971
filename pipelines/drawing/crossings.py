"""The order of what stands in a layer, so that few lines cross.

Each layer is sorted by the mean place of its neighbours (the barycentre heuristic of Sugiyama, Tagawa and Toda, 1981),
sweeping to and fro; the order with the fewest crossings is kept.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence

SWEEPS = 8

Layers = list[list[int]]
Neighbours = Sequence[Sequence[int]]


def untangle(layers: Layers, above: Neighbours, below: Neighbours) -> Layers:
    """The layers with their items in a better order. ``above`` and ``below`` are each item's neighbours."""
    best, fewest = layers, count_crossings(layers, below)
    current = [list(layer) for layer in layers]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        _sweep(current, above if sweep % 2 == 0 else below, is_forward=sweep % 2 == 0)
        crossings = count_crossings(current, below)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in current], crossings
    return best


def count_crossings(layers: Layers, below: Neighbours) -> int:
    """How many pairs of lines cross between neighbouring layers."""
    place = {item: index for layer in layers for index, item in enumerate(layer)}
    crossings = 0
    for layer in layers:
        ends: list[int] = []
        for item in layer:
            here = sorted(place[child] for child in below[item])
            crossings += sum(len(ends) - bisect_right(ends, end) for end in here)
            for end in here:
                insort(ends, end)
    return crossings


def _sweep(layers: Layers, neighbours: Neighbours, *, is_forward: bool) -> None:
    indices = range(1, len(layers)) if is_forward else range(len(layers) - 2, -1, -1)
    for index in indices:
        beside = {item: place for place, item in enumerate(layers[index - 1 if is_forward else index + 1])}
        means = {
            item: sum(beside[other] for other in neighbours[item]) / len(neighbours[item])
            for item in layers[index]
            if neighbours[item]
        }
        places = {item: place for place, item in enumerate(layers[index])}
        layers[index].sort(key=lambda item: (means.get(item, places[item]), places[item]))

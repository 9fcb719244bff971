"""Layers of a DAG: each node stands one to the right of the last of its parents (longest-path layering)."""

from collections.abc import Iterable, Mapping, Sequence

Parents = Mapping[str, Sequence[str]]
"""The keys that each node waits for. The nodes stand in topological order: parents come before their children."""


def layer_of(parents: Parents) -> dict[str, int]:
    """The layer of each node, from 0."""
    layers: dict[str, int] = {}
    for key, above in parents.items():
        layers[key] = 1 + max((layers[parent] for parent in above), default=-1)
    return layers


def items_needed(parents: Parents) -> int:
    """How much there is to lay out: the nodes, and a place in each layer that a line passes."""
    layers = layer_of(parents)
    passed = sum(layers[key] - layers[parent] - 1 for key, above in parents.items() for parent in above)
    return len(parents) + passed


def in_layers(layers: Mapping[str, int], keys: Iterable[str]) -> list[list[str]]:
    """The keys of each layer, in the order in which they are given."""
    found: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for key in keys:
        found[layers[key]].append(key)
    return found

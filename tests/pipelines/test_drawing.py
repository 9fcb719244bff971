"""The drawing of a DAG, and the time line: rules that hold for every graph."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.drawing import Box, Layout, Parents, Scale, fold, lanes, lay_out
from pipelines.drawing.crossings import count_crossings, untangle
from pipelines.drawing.fold import MOST_BOXES, MOST_ITEMS, MOST_LAYERS, MOST_LINES
from pipelines.drawing.layers import items_needed, layer_of
from pipelines.drawing.places import place_near
from pipelines.drawing.time_line import MOST_TICKS

thorough = settings(suppress_health_check=[HealthCheck.too_slow])
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def graphs(most: int = 24) -> st.SearchStrategy[Parents]:
    """Keys in topological order, each with up to four parents that came before it."""
    return st.lists(st.lists(st.integers(0, 2**16), max_size=4), max_size=most).map(graph_of)


def graph_of(picks: list[list[int]]) -> Parents:
    parents = {0: set[int]()} | {index: {pick % index for pick in picks[index]} for index in range(1, len(picks))}
    return {f"n{index}": [f"n{parent}" for parent in sorted(parents[index])] for index in range(len(picks))}


def chain(length: int) -> Parents:
    return {f"n{index}": [f"n{index - 1}"] if index else [] for index in range(length)}


def fan(width: int) -> Parents:
    """One, then many, then one again."""
    many = [f"w{index}" for index in range(width)]
    return {"first": [], **{key: ["first"] for key in many}, "last": many}


def mesh(layers: int, width: int) -> Parents:
    """Every node of a layer waits for every node of the layer before."""
    keys = [[f"n{layer}_{index}" for index in range(width)] for layer in range(layers)]
    return {key: keys[layer - 1] if layer else [] for layer, row in enumerate(keys) for key in row}


def skips(length: int) -> Parents:
    """Every node waits for all before it."""
    return {f"n{index}": [f"n{parent}" for parent in range(index)] for index in range(length)}


def overlaps(one: Box, other: Box) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (beside or one.y + one.height <= other.y or other.y + other.height <= one.y)


def passes_under(layout: Layout) -> list[tuple[str, str]]:
    """Lines whose straight parts touch a box, and the box."""
    return [
        (f"{line.parent}>{line.child}", box.key)
        for line in layout.lines
        for (x1, y1), (x2, y2) in pairwise(line.points)
        for box in layout.boxes
        if (x1 == x2 or y1 == y2)
        and x1 < box.x + box.width
        and box.x < x2 + (x1 == x2)
        and y1 < box.y + box.height
        and box.y < y2 + (y1 == y2)
    ]


@thorough
@given(graphs(), st.sets(st.integers(0, 23)))
def test_no_two_boxes_overlap_and_no_line_passes_under_one(parents: Parents, tall: set[int]) -> None:
    layout = lay_out(parents, {f"n{index}": 80 for index in tall})

    assert sorted(box.key for box in layout.boxes) == sorted(parents)
    assert not any(overlaps(one, other) for one, other in combinations(layout.boxes, 2))
    assert passes_under(layout) == []


@thorough
@given(graphs())
def test_every_line_goes_from_its_parent_onwards_to_its_child(parents: Parents) -> None:
    layout = lay_out(parents)
    box = {box.key: box for box in layout.boxes}

    drawn = [(line.parent, line.child) for line in layout.lines]
    assert drawn == [(parent, key) for key, above in parents.items() for parent in above]
    for line in layout.lines:
        start, end = box[line.parent], box[line.child]
        first, last = line.points[0], line.points[-1]
        if line.goes_down:
            assert all(y1 < y2 for (_, y1), (_, y2) in pairwise(line.points))
            assert first == (start.x + start.width // 2, start.y + start.height)
            assert last == (end.x + end.width // 2, end.y)
        else:
            assert all(x1 < x2 for (x1, _), (x2, _) in pairwise(line.points))
            assert first == (start.x + start.width, start.y + start.height // 2)
            assert last == (end.x, end.y + end.height // 2)


@thorough
@given(graphs())
def test_everything_lies_within_the_drawing(parents: Parents) -> None:
    layout = lay_out(parents)

    corners = [(box.x, box.y) for box in layout.boxes] + [(b.x + b.width, b.y + b.height) for b in layout.boxes]
    for x, y in [*corners, *(point for line in layout.lines for point in line.points)]:
        assert 0 < x < layout.width
        assert 0 < y < layout.height


@thorough
@given(graphs())
def test_a_graph_is_always_drawn_the_same(parents: Parents) -> None:
    assert lay_out(parents) == lay_out(dict(parents))


def test_untangling_takes_crossings_away() -> None:
    above, below = [[], [], [1], [0]], [[3], [2], [], []]

    assert count_crossings([[0, 1], [2, 3]], below) == 1
    assert untangle([[0, 1], [2, 3]], above, below) == [[0, 1], [3, 2]]


def test_a_short_chain_goes_right_and_a_long_one_down() -> None:
    short, long = lay_out(chain(4)), lay_out(chain(9))

    assert len({box.y for box in short.boxes}) == 1
    assert len({box.x for box in long.boxes}) == 1
    assert not any("C" in line.path for line in (*short.lines, *long.lines))


@thorough
@given(graphs())
def test_a_small_graph_is_not_folded(parents: Parents) -> None:
    assert fold(parents).members == {key: (key,) for key in parents}


@pytest.mark.parametrize(
    "parents",
    [chain(2_000), fan(1_998), mesh(4, 70), mesh(40, 50), skips(150), chain(0)],
    ids=["chain", "fan", "mesh", "long mesh", "skips", "empty"],
)
def test_a_large_graph_is_folded_until_it_can_be_looked_at(parents: Parents) -> None:
    folded = fold(parents)

    assert sorted(key for members in folded.members.values() for key in members) == sorted(parents)
    assert len(folded.parents) <= MOST_BOXES
    assert sum(map(len, folded.parents.values())) <= MOST_LINES
    assert items_needed(folded.parents) <= MOST_ITEMS
    assert max(layer_of(folded.parents).values(), default=0) < MOST_LAYERS
    assert len(lay_out(folded.parents).boxes) == len(folded.parents)


def test_a_wide_fan_is_folded_to_its_three_layers() -> None:
    folded = fold(fan(500))

    assert folded.parents == {"first": [], "w0": ["first"], "last": ["w0"]}
    assert len(folded.members["w0"]) == 500


@thorough
@given(graphs(most=60))
def test_a_folded_graph_still_goes_one_way(parents: Parents) -> None:
    wide = {f"{key}_{copy}": [f"{p}_{copy}" for p in above] for copy in range(4) for key, above in parents.items()}

    folded = fold(wide)

    layers = layer_of(folded.parents)
    assert all(layers[parent] < layers[key] for key, above in folded.parents.items() for parent in above)
    assert list(folded.parents) == list(folded.members)


@thorough
@given(
    st.lists(st.floats(-1e4, 1e4), max_size=30).flatmap(
        lambda wanted: st.tuples(st.just(wanted), st.lists(st.floats(0, 100), min_size=29, max_size=29))
    )
)
def test_places_keep_apart_and_stay_where_they_may(drawn: tuple[list[float], list[float]]) -> None:
    wanted, apart = drawn[0], drawn[1][: max(len(drawn[0]) - 1, 0)]
    places = place_near(wanted, apart)

    assert all(b - a >= room - 1e-6 for (a, b), room in zip(pairwise(places), apart, strict=True))
    if all(b - a >= room for (a, b), room in zip(pairwise(wanted), apart, strict=True)):
        assert places == pytest.approx(wanted)


@thorough
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda pair: tuple(sorted(pair))), max_size=40))
def test_bars_of_one_lane_do_not_overlap(spans: list[tuple[float, float]]) -> None:
    found = lanes(spans)

    for one, other in combinations(range(len(spans)), 2):
        if found[one] == found[other]:
            (a, b), (c, d) = spans[one], spans[other]
            assert b <= c or d <= a
    most = max((sum(a <= x < b or a == x == b for a, b in spans) for x, _ in spans), default=0)
    assert len(set(found)) <= max(most, 1)


@thorough
@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_scale_has_few_round_marks_from_its_start_on(length: timedelta) -> None:
    ticks = Scale(NOW, NOW + length).ticks()

    assert (ticks[0].at, ticks[0].since_start) == (0, timedelta(0))
    assert len(ticks) <= MOST_TICKS + 1
    assert all(0 <= tick.at <= 100 for tick in ticks)


def test_moments_outside_a_scale_stand_at_its_ends() -> None:
    scale = Scale(NOW, NOW + timedelta(seconds=4))

    assert [scale.at(NOW + timedelta(seconds=s)) for s in (-1, 0, 1, 4, 9)] == [0, 0, 25, 100, 100]

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.boxes import UNIT_SQUARE, Box, KindedBox, iou_matrix, match_boxes, max_pair_iou, union_area

GRID = 12
coordinates = st.integers(0, GRID)
boxes = st.builds(Box, coordinates, coordinates, coordinates, coordinates)
kinded = st.builds(KindedBox, st.sampled_from(["hero", "footer"]), boxes)
reals = st.floats(-1, 2)
real_boxes = st.builds(Box, reals, reals, reals, reals)


def cells(box: Box) -> set[tuple[int, int]]:
    return set(itertools.product(range(int(box.x), int(box.right)), range(int(box.y), int(box.bottom))))


@given(st.lists(boxes, max_size=8))
def test_union_area_counts_the_cells_of_a_grid(some: list[Box]) -> None:
    assert union_area(some) == len(set().union(*map(cells, some)))


@given(real_boxes, real_boxes)
def test_union_area_of_two_is_inclusion_and_exclusion(a: Box, b: Box) -> None:
    assert union_area([a, b]) == pytest.approx(a.area + b.area - a.clip(b).area, abs=1e-9)


@given(st.lists(real_boxes, max_size=6), st.randoms())
def test_union_area_knows_no_order_and_stays_in_its_frame(some: list[Box], random: Random) -> None:
    clipped = [box.clip(UNIT_SQUARE) for box in some]
    shuffled = random.sample(clipped, len(clipped))
    assert union_area(shuffled) == pytest.approx(union_area(clipped), abs=1e-9)
    assert 0 <= union_area(clipped) <= 1 + 1e-9


@given(real_boxes, real_boxes)
def test_iou_is_symmetric_and_lies_between_0_and_1(a: Box, b: Box) -> None:
    there, back = iou_matrix([a], [b])[0, 0], iou_matrix([b], [a])[0, 0]
    assert there == back
    assert 0 <= there <= 1 + 1e-9


@given(boxes)
def test_a_box_has_iou_1_with_itself(box: Box) -> None:
    assert iou_matrix([box], [box])[0, 0] == (1 if box.area else 0)


def test_iou_of_half_overlapping_boxes() -> None:
    assert iou_matrix([Box(0, 0, 2, 2)], [Box(1, 0, 2, 2), Box(5, 5, 1, 1)]).tolist() == [[pytest.approx(1 / 3), 0]]
    assert max_pair_iou([Box(0, 0, 2, 2), Box(1, 0, 2, 2), Box(9, 9, 1, 1)]) == pytest.approx(1 / 3)
    assert max_pair_iou([Box(0, 0, 2, 2)]) == 0


@pytest.mark.parametrize("bounds", [{"x": 0, "y": 0, "width": 1}, {"x": "nan", "y": 0, "width": 1, "height": 1}])
def test_bounds_that_are_no_box_are_refused(bounds: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Box.from_bounds(bounds)


@given(st.lists(kinded.filter(lambda item: item.box.area > 0), min_size=1, max_size=6), st.floats(0.01, 1))
def test_boxes_match_themselves_perfectly(some: list[KindedBox], iou: float) -> None:
    match = match_boxes(some, some, iou)
    assert (match.precision, match.recall, match.f1) == (1, 1, 1)


@given(st.lists(kinded, max_size=6), st.lists(kinded, max_size=6), st.randoms())
def test_a_match_knows_no_order(predicted: list[KindedBox], truth: list[KindedBox], random: Random) -> None:
    match = match_boxes(predicted, truth, 0.5)
    shuffled = match_boxes(random.sample(predicted, len(predicted)), random.sample(truth, len(truth)), 0.5)
    mirrored = match_boxes(truth, predicted, 0.5)
    assert (shuffled.precision, shuffled.recall) == (match.precision, match.recall)
    assert (mirrored.recall, mirrored.precision) == (match.precision, match.recall)
    assert mirrored.mean_iou == pytest.approx(match.mean_iou)


@given(st.lists(kinded, max_size=6), st.lists(kinded, max_size=6))
def test_a_stricter_threshold_never_matches_more(predicted: list[KindedBox], truth: list[KindedBox]) -> None:
    assert match_boxes(predicted, truth, 0.75).f1 <= match_boxes(predicted, truth, 0.5).f1


def test_a_match_is_scored_over_its_pairs() -> None:
    truth = [KindedBox("hero", Box(0, 0, 10, 10)), KindedBox("footer", Box(0, 20, 10, 10))]
    predicted = [
        KindedBox("hero", Box(0, 20, 10, 8)),
        KindedBox("hero", Box(0, 0, 10, 10)),
        KindedBox("cta", Box(50, 50, 1, 1)),
    ]
    match = match_boxes(predicted, truth, 0.75)
    assert match.pairs == ((0, 1), (1, 0))
    assert (match.precision, match.recall, match.f1) == (pytest.approx(2 / 3), 1, pytest.approx(0.8))
    assert match.mean_iou == pytest.approx(0.9)
    assert match.kind_accuracy == 0.5


def test_matching_with_nothing() -> None:
    box = KindedBox("hero", Box(0, 0, 1, 1))
    assert match_boxes([], [], 0.5).f1 == 1
    assert match_boxes([], [box], 0.5).f1 == match_boxes([box], [], 0.5).f1 == 0
    assert match_boxes([], [box], 0.5).mean_iou is None


def test_a_threshold_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        match_boxes([], [], 0)

"""Milliseconds a step of the engine, beside the floor (the same rows in plain SQL), DBOS and Prefect.

    python benchmarks/engine.py [--quick] [--only floor,inline] [--shapes chain_10] [--dbos-python PATH]
                                [--prefect-python PATH --prefect-database URL]
    python benchmarks/engine.py --flat             from 10 to 1,000 nodes
    python benchmarks/engine.py --million          in an empty database, and beside a million step runs
    python benchmarks/engine.py --idle             how much of a core a worker takes that has nothing to do

Each shape (a chain of 10, 1 to 50 to 1, and 40 chains at once) is made of steps that do nothing but hand over a small
IR with a schema and three metrics. The contestants take turns in five rounds; a round's figure is the median of a few
runs. Time counts for everybody from before the call that starts a run to the run's end.

Prints one JSON line. `of_floor` is the speed as a share of the floor's, `times_dbos` as a multiple of DBOS's: medians
of the rounds' ratios. DBOS is measured twice: as `dbos` it keeps what a step returned and nothing else; as
`dbos_recorded` its steps carry what irline's do, a schema, three metrics and an entry in the audit log. Peers live in
environments of their own, made by `pip install dbos jsonschema-rs` or `prefect`; Prefect needs a PostgreSQL with
pg_trgm.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from statistics import median
from typing import Any

from benchmark_database import scratch_database
from django.test import override_settings
from engine_floor import Floor
from engine_growth import beside_a_million, flatness, idle_share
from engine_peers import Contestant, Distributed, Inline, Peer, Unavailable
from engine_workload import SETTINGS, Shape, chain, fan_out, plant_pipeline, plant_step
from more_databases import copied_database

SHAPES = (chain(10), fan_out(50), chain(10, runs=40))
REPEATS = {SHAPES[0].name: 5, SHAPES[1].name: 3}
ROUNDS = 5
NAMES = ("floor", "inline", "distributed", "dbos", "dbos_recorded", "prefect")
RATIOS = {"of_floor": "floor", "times_dbos": "dbos", "times_dbos_recorded": "dbos_recorded"}
GOALS = {
    "inline": {"of_floor": 0.6, "times_dbos": 2.0, "times_dbos_recorded": 2.0},
    "distributed": {"times_dbos": 1.5, "times_dbos_recorded": 1.5},
}

Seconds = dict[str, dict[str, list[float]]]


def main() -> None:
    """Print the figures."""
    arguments = _arguments()
    with scratch_database(), override_settings(**SETTINGS):
        plant_step()
        figures = arguments.measure(arguments)
    print(json.dumps({"benchmark": "engine", **figures}))


def race(arguments: argparse.Namespace) -> dict[str, Any]:
    """All shapes by all contestants, in turns."""
    shapes = [shape for shape in SHAPES if not arguments.shapes or shape.name in arguments.shapes]
    skipped: dict[str, str] = {}
    seconds: Seconds = {}
    with copied_database("benchmark_distributed") as database, ExitStack() as stack:
        contestants = [stack.enter_context(closing(one)) for one in _contestants(arguments, database, skipped)]
        for contestant in contestants:
            for shape in shapes:
                contestant.measure(shape)
        for _ in range(1 if arguments.quick else ROUNDS):
            for shape in shapes:
                for contestant in contestants:
                    figures = [contestant.measure(shape) for _ in range(REPEATS.get(shape.name, 1))]
                    seconds.setdefault(contestant.name, {}).setdefault(shape.name, []).append(median(figures))
    return {**_report(shapes, seconds), "skipped": skipped}


def _contestants(arguments: argparse.Namespace, database: str, skipped: dict[str, str]) -> Iterator[Contestant]:
    for name in NAMES:
        if name not in arguments.only:
            continue
        try:
            yield _contestant(name, arguments, database)
        except Unavailable as reason:
            skipped[name] = str(reason)


def _contestant(name: str, arguments: argparse.Namespace, database: str) -> Contestant:
    if name == "floor":
        return Floor(plant_pipeline(SHAPES[0]))
    if name == "inline":
        return Inline()
    if name == "distributed":
        return Distributed(database)
    if name in ("dbos", "dbos_recorded"):
        return Peer(name, arguments.dbos_python, None)
    return Peer(name, arguments.prefect_python, arguments.prefect_database)


def _report(shapes: Sequence[Shape], seconds: Seconds) -> dict[str, Any]:
    ratios: dict[str, Any] = {measure: {} for measure in RATIOS}
    report: dict[str, Any] = {"ms_per_step": {}, **ratios, "goals": GOALS, "met": {}}
    for name, by_shape in seconds.items():
        report["ms_per_step"][name] = {shape.name: _spread(shape, by_shape[shape.name]) for shape in shapes}
        for measure, yardstick in RATIOS.items():
            if name != yardstick and yardstick in seconds:
                report[measure][name] = {
                    shape.name: _ratio(seconds[yardstick][shape.name], by_shape[shape.name]) for shape in shapes
                }
    for name, goals in GOALS.items():
        for measure, goal in goals.items():
            reached = [report[measure].get(name, {}).get(shape.name) for shape in shapes if shape.runs == 1]
            if all(reached):
                report["met"][f"{name}_{measure}"] = min(reached) >= goal
    return report


def _spread(shape: Shape, seconds: Sequence[float]) -> dict[str, float]:
    figures = {"median": median(seconds), "least": min(seconds), "most": max(seconds)}
    return {name: round(1000 * figure / shape.steps, 3) for name, figure in figures.items()}


def _ratio(yardstick: Sequence[float], seconds: Sequence[float]) -> float:
    return round(median(theirs / ours for theirs, ours in zip(yardstick, seconds, strict=True)), 2)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--only", type=_names, default=list(NAMES), metavar="NAMES", help=", ".join(NAMES))
    parser.add_argument("--shapes", type=_names, metavar="NAMES", help=", ".join(shape.name for shape in SHAPES))
    parser.add_argument("--dbos-python", metavar="PATH")
    parser.add_argument("--prefect-python", metavar="PATH")
    parser.add_argument("--prefect-database", metavar="URL", help="default: one on irline's server")
    parser.set_defaults(measure=race)
    for option, measure in (("--flat", flatness), ("--million", beside_a_million), ("--idle", idle_share)):
        parser.add_argument(option, dest="measure", action="store_const", const=measure)
    return parser.parse_args()


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    main()

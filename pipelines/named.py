"""What a DAG names by id or key: step versions, metric profiles, pools. ``sql/named.sql`` reads it in one call."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from metrics.models import MetricDefinition, MetricProfileItem
from pipelines.columns import of_columns
from pipelines.dag import Graph, Reference
from pipelines.models import StepDefinition, StepVersion

NAMED = "SELECT pipelines_named(%s::uuid[], %s, %s::uuid[], %s, %s)::text"


@dataclass(frozen=True, slots=True)
class Named:
    """What there is of it. Each is listed under every name it can have in a DAG.

    ``profiles`` are their items with their metrics, in the order of the metrics' keys.
    """

    steps: Mapping[str, StepVersion]
    profiles: Mapping[str, list[MetricProfileItem]]
    pools: frozenset[str]


def read_named(graph: Graph) -> Named:
    """Look up what the graph names, in one query; what does not exist is left out."""
    steps, profiles, pools = map(_names, (graph.step_references(), graph.profile_references(), graph.pool_references()))
    found = _read(steps, profiles, pools)
    return Named(_steps(found["steps"]), _profiles(found["profiles"]), frozenset(found["pools"]))


def read_step_versions(names: set[str]) -> Mapping[str, StepVersion]:
    """The step versions that these names of DAGs stand for, under every name; what does not exist is left out."""
    return _steps(_read(names, set(), set())["steps"]) if names else {}


def _read(steps: set[str], profiles: set[str], pools: set[str]) -> Any:
    step_keys = sorted({name.partition("@")[0] for name in steps if "@" in name})
    asked = [_ids(steps), step_keys, _ids(profiles), sorted(profiles), sorted(pools)]
    with connection.cursor() as cursor:
        cursor.execute(NAMED, asked)
        return json.loads(cursor.fetchone()[0])


def _names(references: Iterable[Reference]) -> set[str]:
    return {reference.value for reference in references}


def _ids(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if _is_uuid(name))


def _is_uuid(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True


def _steps(found: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, StepVersion]:
    steps = {}
    for of_version, of_step in found:
        version = of_columns(StepVersion, of_version)
        version.step = of_columns(StepDefinition, of_step)
        steps[str(version.pk)] = steps[f"{version.step.key}@{version.version}"] = version
    return steps


def _profiles(found: Iterable[Mapping[str, Any]]) -> dict[str, list[MetricProfileItem]]:
    profiles = {}
    for profile in found:
        items = []
        for of_item, of_metric in profile["items"]:
            item = of_columns(MetricProfileItem, of_item)
            item.metric = of_columns(MetricDefinition, of_metric)
            items.append(item)
        profiles[profile["id"]] = profiles[profile["key"]] = items
    return profiles

"""Pictures of versions: one as it stands, and two beside each other with what differs in colour."""

from collections.abc import Mapping
from typing import Any

from config.json_html import pretty_json
from pipelines.admin.dag_picture import Look, Picture, draw
from pipelines.dag import Change, DagError, Graph, changed_nodes, compare, parse_dag
from pipelines.dag.compare import Kind
from pipelines.dag.problems import shorten
from pipelines.models import StepVersion

COLOURS: Mapping[Kind, str] = {"added": "success", "removed": "danger", "changed": "warning"}
ICONS: Mapping[Kind, str] = {"added": "add_circle", "removed": "do_not_disturb_on", "changed": "edit"}
MOST_VALUE = 200


def graph_of(dag: Any) -> Graph | None:
    """None for a document that today's rules refuse."""
    try:
        return parse_dag(dag)
    except DagError:
        return None


def version_picture(graph: Graph) -> Picture:
    """Each node with the step that it runs."""
    names = step_names(graph)
    return draw(graph, lambda keys: Look(_steps(graph, keys, names)))


def step_names(*graphs: Graph) -> dict[str, str]:
    """``key@version`` of each step version that the graphs name by its id, in one query."""
    named = {reference.value for graph in graphs for reference in graph.step_references()}
    ids = {value for value in named if "@" not in value}
    versions = StepVersion.objects.filter(pk__in=ids).select_related("step") if ids else []
    return {value: value for value in named} | {str(version.pk): str(version) for version in versions}


def compared(old: Graph, new: Graph) -> dict[str, Any]:
    """Both pictures, and the changes in words."""
    names = step_names(old, new)
    changes = compare(old, new)
    kinds = changed_nodes(changes)
    return {
        "old_picture": _picture(old, new, kinds, names, "removed"),
        "new_picture": _picture(new, old, kinds, names, "added"),
        "changes": [_in_words(change, names) for change in changes],
    }


def _picture(graph: Graph, other: Graph, kinds: Mapping[str, Kind], names: Mapping[str, str], gone: Kind) -> Picture:
    """``gone`` is what a line is called that the other graph lacks."""

    def look_of(keys: tuple[str, ...]) -> Look:
        found = {kinds[key] for key in keys if key in kinds}
        if not found:
            return Look(_steps(graph, keys, names))
        kind: Kind = found.pop() if len(found) == 1 else "changed"
        return Look(f"{kind.capitalize()} · {_steps(graph, keys, names)}", ICONS[kind], COLOURS[kind])

    def kind_of(parents: tuple[str, ...], children: tuple[str, ...]) -> str:
        edges = [(parent, child) for child in children for parent in graph.node(child).parents if parent in parents]
        lacking = [child not in other.by_key or parent not in other.node(child).parents for parent, child in edges]
        return gone if all(lacking) else "plain"

    return draw(graph, look_of, kind_of)


def _steps(graph: Graph, keys: tuple[str, ...], names: Mapping[str, str]) -> str:
    """The step that the nodes run, or how many steps they run."""
    used = sorted({names[graph.node(key).step_version_id] for key in keys})
    return used[0] if len(used) == 1 else f"{len(used)} steps"


def _in_words(change: Change, names: Mapping[str, str]) -> dict[str, Any]:
    subject = f"Node {change.node}" if change.node else f"Parallel group {change.field}"
    field = change.field if change.node else "limit"
    return {
        "subject": subject,
        "chip": {"text": change.kind, "colour": COLOURS[change.kind]},
        "field": field if change.kind == "changed" else "",
        "before": _value(change.before, names),
        "after": _value(change.after, names),
    }


def _value(value: Any, names: Mapping[str, str]) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str):
        return shorten(names.get(value, value), MOST_VALUE)
    return shorten(pretty_json(value), MOST_VALUE)

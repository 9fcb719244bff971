"""The DAG of a pipeline version: one JSON document in several spellings, read into one immutable ``Graph``.

Pure: no database, no Django. ``docs/dag.md`` is the reference for people who write such documents.
"""

from pipelines.dag.compare import Change, changed_nodes, compare
from pipelines.dag.for_each import ForEachError, ForEachPath, resolve_for_each
from pipelines.dag.graph import Graph, Node, Reference, TriggerRule
from pipelines.dag.parse import parse_dag
from pipelines.dag.problems import DagError, Problem
from pipelines.dag.shape import dag_schema

__all__ = [
    "Change",
    "DagError",
    "ForEachError",
    "ForEachPath",
    "Graph",
    "Node",
    "Problem",
    "Reference",
    "TriggerRule",
    "changed_nodes",
    "compare",
    "dag_schema",
    "parse_dag",
    "resolve_for_each",
]

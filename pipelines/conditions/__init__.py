"""Conditions: CEL expressions over what a run knows so far, compiled once, bounded, evaluated without raising.

Four variables, each a map: ``metrics.<node>.<key>``, ``ir.<node>``, ``status.<node>`` and ``inputs``. Pure.
"""

from pipelines.conditions.condition import Condition, Verdict, compile_condition, condition_context, json_context
from pipelines.conditions.cost import ConditionError

__all__ = ["Condition", "ConditionError", "Verdict", "compile_condition", "condition_context", "json_context"]

"""The audit log of AI and quality runs, and the flags that open and close things."""

from monitoring.models.flags import FeatureFlag, FlagRule
from monitoring.models.runs import SCORES, RollupMark, RunRollup, TestResult, TestRun

__all__ = ["SCORES", "FeatureFlag", "FlagRule", "RollupMark", "RunRollup", "TestResult", "TestRun"]

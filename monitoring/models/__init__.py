"""The audit log of AI and quality runs, the alerts that watch it, and the flags that open and close things."""

from monitoring.models.alerts import Alert, AlertFiring
from monitoring.models.flags import FeatureFlag, FlagRule
from monitoring.models.runs import SCORES, RollupMark, RunRollup, TestResult, TestRun

__all__ = [
    "SCORES",
    "Alert",
    "AlertFiring",
    "FeatureFlag",
    "FlagRule",
    "RollupMark",
    "RunRollup",
    "TestResult",
    "TestRun",
]

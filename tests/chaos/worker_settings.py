"""irline's settings for the worker processes of the chaos tests: they know these steps."""

from config.settings import *  # noqa: F403
from tests.chaos.steps import HANDLERS

PIPELINE_STEPS = HANDLERS

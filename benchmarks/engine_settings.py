"""irline's settings for the worker processes of ``engine.py``: they know its step."""

from config.settings import *  # noqa: F403

PIPELINE_STEPS = {"noop": "engine_workload.noop"}

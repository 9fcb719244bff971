"""What a worker does beside its steps, again and again."""

from pipelines.executors import sweeper
from pipelines.executors.sweeper import Swept


def look_once() -> Swept:
    """Do what is due of the duties."""
    return sweeper.sweep()

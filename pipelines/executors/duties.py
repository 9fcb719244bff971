"""What a worker does beside its steps, again and again."""

from pipelines.executors import sweeper
from pipelines.executors.sweeper import Swept
from pipelines.review.filling import fill_lately


def look_once() -> Swept:
    """Do what is due of the duties."""
    swept = sweeper.sweep()
    fill_lately()
    return swept

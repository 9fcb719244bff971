"""What a worker does beside its steps, again and again."""

from monitoring.alerts import check_lately
from pipelines import schedules
from pipelines.executors import sweeper
from pipelines.executors.sweeper import Swept
from pipelines.review.filling import fill_lately


def look_once() -> Swept:
    """Do what is due of the duties: what was left behind first, then what the clock starts."""
    swept = sweeper.sweep()
    schedules.fire_due()
    fill_lately()
    check_lately()
    return swept

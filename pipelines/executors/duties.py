"""What a worker does beside its steps, again and again."""

from collections.abc import Callable
from functools import partial

from monitoring.alerts import check_lately
from monitoring.rollups import fold_marked
from pipelines import schedules
from pipelines.executors import sweeper
from pipelines.executors.sweeper import Swept
from pipelines.outages import kept_apart
from pipelines.review.evaluating import services as evaluations
from pipelines.review.filling import fill_lately

DAYS_FOLDED = 1
"""At a time, so that a month of runs that was just loaded does not keep the other duties waiting."""


def look_once(fire: Callable[[], object] = schedules.fire_due) -> Swept:
    """Do what is due of the duties: what was left behind first, then ``fire`` what the clock starts.

    What goes wrong with one of them is logged, and keeps none of the others from its turn.
    """
    swept = Swept()
    with kept_apart("the sweep failed"):
        swept = sweeper.sweep()
    for duty in (fire, evaluations.look, fill_lately, partial(fold_marked, DAYS_FOLDED), check_lately):
        with kept_apart("a duty failed, and is tried again: %s", duty):
            duty()
    return swept

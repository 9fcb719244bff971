"""Working through a time without the database: a restart, a failover, a broken connection."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import Error, connection

from config.outages import OUTAGE, is_outage

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0

T = TypeVar("T")


@contextmanager
def kept_apart(what: str, *words: object) -> Iterator[None]:
    """Have what goes wrong in the block logged, so that what comes after it gets its turn.

    Where the database is away nothing else would get through either, so that is raised.
    """
    try:
        yield
    except OUTAGE:
        if not connection.is_usable():
            raise
        logger.exception(what, *words)
    except Exception:
        logger.exception(what, *words)


def through_outages(what: str, work: Callable[[bool], T]) -> T:
    """Do ``work`` again and again while the database is away, for as long as a lease lasts; then its error is raised.

    ``work`` is told whether an earlier try broke, so that it may have been done all the same. Inside a transaction
    nothing is tried again, as the transaction is lost.
    """
    give_up_at = time.monotonic() + settings.PIPELINE_LEASE_MS / 1000
    pause, broke = FIRST_PAUSE, False
    while True:
        try:
            return work(broke)
        except Error as outage:
            if not is_outage(outage) or time.monotonic() > give_up_at or connection.in_atomic_block:
                raise
            logger.warning("the database is away, so %s is tried again: %s", what, str(outage).strip())
            broke = True
            connection.close()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

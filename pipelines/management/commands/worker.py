import logging
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from pipelines import store
from pipelines.executors import inline

logger = logging.getLogger("pipelines.worker")


class Command(BaseCommand):
    help = (
        "Carry on every run that has work: steps that are ready, retries that are due, and steps whose process died. "
        "Any number of workers may run, on any machines. Ends at SIGTERM when the steps under way are done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=settings.INLINE_EXECUTOR_THREADS, metavar="N")
        parser.add_argument("--poll", type=float, default=1.0, metavar="SECONDS", help="how often to look for work")
        parser.add_argument("--once", action="store_true", help="end when there is no work left")

    def handle(self, *args: Any, **options: Any) -> None:
        self._stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._on_signal)
        logger.info("ready for work")
        while not self._stop.is_set():
            worked = self._look(options["concurrency"])
            if options["once"] and not worked:
                return
            if not worked:
                self._stop.wait(options["poll"])

    def _look(self, concurrency: int) -> bool:
        """Carry the runs that have work, one after another. An outage of the database is waited out."""
        try:
            runs = store.runs_with_work()
            for run_id in runs:
                if self._stop.is_set():
                    break
                run = inline.carry(run_id, threads=concurrency, stopping=self._stop.is_set)
                logger.info("run %s is %s", run.pk, run.status)
        except DatabaseError as error:
            logger.warning("the database cannot be reached, trying again: %s", error)
            connection.close()
            return False
        return bool(runs)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

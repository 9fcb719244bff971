from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.connections import ending_idle_transactions
from pipelines.executors.worker import Worker

MOST_CONCURRENT = 1_000
MOST_GRACE = 86_400


class Command(BaseCommand):
    help = (
        "Run the steps of any pipeline: those that are ready, retries that are due, and steps whose process died. "
        "Any number of workers may run, on any machines, on one database. At SIGTERM no step is begun any more; "
        "those under way have --grace seconds, and are then given back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=settings.INLINE_EXECUTOR_THREADS, metavar="N")
        parser.add_argument(
            "--queues",
            default="",
            metavar="A,B",
            help="handlers whose steps to take; all that this process has code for",
        )
        parser.add_argument("--grace", type=float, default=25.0, metavar="SECONDS")
        parser.add_argument("--once", action="store_true", help="end when nothing is ready any more")

    def handle(self, *args: Any, **options: Any) -> None:
        known = sorted(settings.PIPELINE_STEPS)
        queues = [name.strip() for name in options["queues"].split(",") if name.strip()] or known
        unknown = sorted(set(queues) - set(known))
        if unknown:
            raise CommandError(f"There is no code here for {', '.join(unknown)}. There is for {', '.join(known)}.")
        if not 1 <= options["concurrency"] <= MOST_CONCURRENT:
            raise CommandError(f"--concurrency must be from 1 to {MOST_CONCURRENT:,}.")
        if not 0 <= options["grace"] <= MOST_GRACE:
            raise CommandError(f"--grace must be from 0 to {MOST_GRACE:,} seconds.")
        worker = Worker(concurrency=options["concurrency"], queues=queues, grace=options["grace"])
        # Longer than a lease nobody waits for what a transaction of a worker would do.
        with ending_idle_transactions(settings.PIPELINE_LEASE_MS):
            if options["once"]:
                worker.work_off()
            else:
                worker.run()

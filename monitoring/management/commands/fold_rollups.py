from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from monitoring.rollups import fold_marked, marked_hours


class Command(BaseCommand):
    help = (
        "Fold the hours in which test runs were recorded into the rollups that charts and monitoring endpoints read. "
        "Only speed depends on it: what is not folded is read from the runs. Workers do it by themselves; run it after "
        "loading many runs. Safe to run again, to interrupt, and to run more than once at a time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many hours wait to be folded")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write(f"hours to fold: {marked_hours()}")
            return
        days = 0
        while folded := fold_marked():
            days += folded
            self.stdout.write(f"days folded: {days}")
        self.stdout.write(f"done; hours left to others: {marked_hours()}")

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pipelines.pruning import KINDS, prunable, prune


class Command(BaseCommand):
    help = (
        "Take the bodies of old IR artifacts, prompts and results away to free space, and the lines that steps logged. "
        "The rows of bodies stay, with size, hash, verdict, tokens and cost; what a run under way needs stays whole, "
        "and so does a run of which an output waits in a review queue, or was accepted or corrected and is no ground "
        "truth yet. A run whose results are pruned cannot be run again in part. Works in short transactions beside the "
        "traffic; safe to interrupt and to run again. Afterwards PostgreSQL reuses the space by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS", help="1 or more")
        parser.add_argument("--only", choices=sorted(KINDS), action="append", help="one kind; may be given again")
        parser.add_argument("--batch", type=int, default=500, metavar="N", help="rows a transaction (default 500)")
        parser.add_argument(
            "--reviewed", action="store_true", help="also what was accepted or corrected and is no ground truth yet"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        days, batch = options["older_than"], options["batch"]
        if not 1 <= days <= 36_500:
            raise CommandError("--older-than takes 1 to 36,500 days.")
        if not 1 <= batch <= 10_000:
            raise CommandError("--batch takes 1 to 10,000 rows.")
        before = timezone.now() - timedelta(days=days)
        reviewed = options["reviewed"]
        for name in options["only"] or KINDS:
            kind = KINDS[name]
            if options["dry_run"]:
                count, size = prunable(kind, before, reviewed=reviewed)
                self.stdout.write(f"{name}: {count} {kind.name} of {size:,} bytes would go")
                continue
            gone = 0
            for more in prune(kind, before, batch=batch, reviewed=reviewed):
                gone += more
                if options["verbosity"] > 1:
                    self.stdout.write(f"{name}: {gone} so far")
            self.stdout.write(f"{name}: {gone} {kind.name} are gone")

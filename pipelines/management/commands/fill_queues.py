from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import features
from config.commands import require_feature
from feedback.models import ReviewQueue
from pipelines.review.filling import Filled, fill_all


class Command(BaseCommand):
    help = (
        "Fill the review queues by their rules with outputs that they do not hold yet, the newest first, until as many "
        "wait as each allows. Workers do it once a minute by themselves with the outputs of the last day, while "
        "REVIEW_ENABLED is on; run it without workers, or for older outputs. Safe to run again and to interrupt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", metavar="KEY", help="only this queue")
        parser.add_argument("--dry-run", action="store_true", help="only say how many would be added")

    def handle(self, *args: Any, **options: Any) -> None:
        require_feature(features.REVIEW)
        key = options["queue"]
        queues = ReviewQueue.objects.filter(is_active=True).order_by("key")
        if key is not None:
            queues = queues.filter(key=key)
            if not queues:
                raise CommandError(f"There is no active queue {key!r}.")
        filled = fill_all(queues, dry_run=options["dry_run"])
        if not filled:
            self.stdout.write("There is no active queue. Make one in the admin, under Review queues.")
        for each in filled:
            self.stdout.write(_line(each, dry_run=options["dry_run"]))
        if any(each.refused for each in filled):
            raise CommandError("Not every queue could be filled.")


def _line(filled: Filled, *, dry_run: bool) -> str:
    if filled.refused:
        return f"{filled.queue.key}: not filled. {filled.refused}"
    added = f"{filled.queue.key}: {filled.added} {'would be added' if dry_run else 'added'}"
    return f"{added}. {filled.why_none}" if filled.why_none else added

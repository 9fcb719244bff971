from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from config import features
from config.commands import ExplainedCommand, require_feature
from config.problems import DomainError
from feedback.ground_truth_lines import MOST_BYTES, Imported, import_lines
from feedback.models import GroundTruthSet


class Command(ExplainedCommand):
    help = """Take in ground truth from FILE, as export_ground_truth wrote it.

Versions keep their numbers. All lines are taken in or, if any is refused, none, with the reasons by line. Importing
the same file again changes nothing.
  manage.py import_ground_truth home_pages.jsonl --set home_pages --dry-run
  manage.py import_ground_truth home_pages.jsonl --set home_pages"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--set", metavar="KEY", dest="set_key", help="put it into this set, which is made if need be"
        )
        parser.add_argument("--dry-run", action="store_true", help="check every line, print the counts, change nothing")

    def handle(self, *args: Any, file: Path, set_key: str | None, dry_run: bool, **options: Any) -> None:
        require_feature(features.REVIEW)
        try:
            imported = _import(file, set_key, dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except DomainError as refusal:
            reasons = [f"  {error['path']}: {error['message']}" for error in refusal.errors]
            raise CommandError("\n".join([refusal.message, *reasons])) from refusal
        would = "would be " if dry_run else ""
        self.stdout.write(f"{imported.created} versions {would}new, {imported.unchanged} there already.")


@transaction.atomic
def _import(file: Path, set_key: str | None, *, dry_run: bool) -> Imported:
    truth_set = None
    if set_key:
        truth_set, _ = GroundTruthSet.objects.get_or_create(key=set_key, defaults={"name": set_key})
    with file.open("rb") as lines:
        imported = import_lines(iter(lambda: lines.readline(MOST_BYTES + 1), b""), truth_set=truth_set)
    transaction.set_rollback(dry_run)
    return imported

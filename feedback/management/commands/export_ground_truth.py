from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config import features
from config.commands import ExplainedCommand, require_feature
from feedback.ground_truth_lines import export_lines
from feedback.models import GroundTruth, GroundTruthSet


class Command(ExplainedCommand):
    help = """Write ground truth as JSONL, one version a line, for version control or another installation.

  manage.py export_ground_truth --set home_pages -o home_pages.jsonl
  manage.py export_ground_truth --scope layout_split > layout_split.jsonl"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--set", metavar="KEY", dest="set_key", help="what is in this set")
        parser.add_argument("--scope", help="every version of one scope")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        require_feature(features.REVIEW)
        truths = GroundTruth.objects.all()
        if options["set_key"]:
            truth_set = GroundTruthSet.objects.filter(key=options["set_key"]).first()
            if truth_set is None:
                raise CommandError(f"There is no set {options['set_key']!r}.")
            truths = truths.filter(sets=truth_set)
        if options["scope"]:
            truths = truths.filter(scope=options["scope"])
        path = options["output"]
        if path is None:
            for line in export_lines(truths):
                self.stdout.write(line)
            return
        try:
            with path.open("w", encoding="utf-8") as file:
                count = sum(bool(file.write(f"{line}\n")) for line in export_lines(truths))
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Wrote {count} versions to {path}.")

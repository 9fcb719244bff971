from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config.commands import ExplainedCommand
from ir_schemas.folder import INDEX, MAX_FILES, FolderError, parse_folder
from ir_schemas.transfer import ImportRefused, import_lines
from ir_schemas.validation import DEFAULT_LIMITS

_COUNTED = ("created", "updated", "activated", "retired", "unchanged")


class Command(ExplainedCommand):
    help = """Bring the schemas of FOLDER, as export_schemas wrote it, into the registry.

Versions keep their numbers, what registry.json has as active is put in force, and versions that it does not list stay
as they are. Steps, prompts and processes must exist. All is imported or, if anything is refused, nothing, with every
reason. Importing the same folder again changes nothing.
  manage.py import_schemas schemas/ --dry-run
  manage.py import_schemas schemas/"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="check everything, print the counts, change nothing")
        parser.add_argument(
            "--override-compatibility",
            metavar="REASON",
            default="",
            help="put versions in force even where they break their line's level; the reason is recorded",
        )

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            lines = parse_folder(_read(folder))
            counts = import_lines(
                lines, override_reason=options["override_compatibility"].strip(), dry_run=options["dry_run"]
            )
        except FolderError as error:
            found = [f"  {finding.path}: {finding.message}" for finding in error.findings]
            raise CommandError(_refused(folder, found)) from error
        except ImportRefused as refusal:
            found = [f"  {error['path']}: {error['message']}" for error in refusal.errors]
            raise CommandError(_refused(folder, found)) from refusal
        self.stdout.write(_summary(counts, dry_run=options["dry_run"]))


def _read(folder: Path) -> dict[str, str]:
    """The index and the schemas of a folder by their paths; what else lies there is not looked at."""
    if not (folder / INDEX).is_file():
        raise CommandError(f"{folder / INDEX} does not exist. Name a folder that export_schemas wrote.")
    paths = [folder / INDEX, *islice(sorted(folder.glob("*/*/v*.json")), MAX_FILES)]
    return dict(_texts(folder, paths))


def _texts(folder: Path, paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    for path in paths:
        try:
            if path.stat().st_size > DEFAULT_LIMITS.max_bytes:
                raise CommandError(f"{path} is larger than {DEFAULT_LIMITS.max_bytes:,} bytes.")
            yield path.relative_to(folder).as_posix(), path.read_bytes().decode()
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} is not UTF-8 text.") from error


def _refused(folder: Path, found: list[str]) -> str:
    return "\n".join([f"Nothing was imported from {folder}:", *found])


def _summary(counts: Counter[str], *, dry_run: bool) -> str:
    told = ", ".join(f"{counts[name]} {name}" for name in _COUNTED)
    levels = f"; {counts['level']} compatibility levels set" if counts["level"] else ""
    return f"{'Would import' if dry_run else 'Imported'}: {told}{levels}."

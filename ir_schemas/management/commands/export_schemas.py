import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config.commands import ExplainedCommand
from ir_schemas.folder import INDEX, FolderError, write_folder
from ir_schemas.transfer import export_lines

_OURS = re.compile(r"(step|prompt|process)/[^/]+/v[1-9][0-9]*\.json\Z")


class Command(ExplainedCommand):
    help = """Write the whole schema registry into FOLDER, one file a version, to be kept in version control.

registry.json lists the lines with their compatibility levels and the versions with their states; every schema is
written as its author wrote it. Files that say what they said before are left alone, and versions that are gone are
removed. The folder must be empty, new, or one that this command has written.
  manage.py export_schemas schemas/"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            files = write_folder(export_lines())
            _check(folder)
            written = sum(_write(folder / path, text) for path, text in files.items())
            removed = _remove_others(folder, set(files))
        except FolderError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or folder}: {error.strerror}.") from error
        self.stdout.write(f"{len(files) - 1} versions in {folder}: {written} files written, {removed} removed.")


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is a file. Name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / INDEX).exists():
        raise CommandError(f"{folder} holds other things and no {INDEX}. Name an empty folder or an exported one.")


def _write(path: Path, text: str) -> bool:
    """Write the file unless it says so already. A reader sees the old text or the new, never half."""
    content = text.encode()
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_bytes(content)
    beside.replace(path)
    return True


def _remove_others(folder: Path, kept: set[str]) -> int:
    found = {path.relative_to(folder).as_posix(): path for path in folder.glob("*/*/v*.json")}
    others = [path for name, path in found.items() if name not in kept and _OURS.match(name)]
    for path in others:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return len(others)

"""What commands share."""

import sys
from argparse import RawDescriptionHelpFormatter
from contextlib import nullcontext, redirect_stdout
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import features


class ExplainedCommand(BaseCommand):
    """A command whose help keeps its lines, as it shows examples.

    With ``--json`` its ``stdout`` is a program's to read, so what steps and libraries print goes to standard error.
    """

    def execute(self, *args: Any, **options: Any) -> Any:
        with redirect_stdout(sys.stderr) if options.get("json") else nullcontext():
            return super().execute(*args, **options)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)


def require_feature(name: str, *, returncode: int = 1) -> None:
    """Raises ``CommandError``, which says how to switch it on, while a feature is off."""
    if not features.is_on(name):
        remedy = f'manage.py flags set {name} on --reason "why"'
        raise CommandError(f"{name} is off. Switch it on first: {remedy}", returncode=returncode)

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from config.problems import InvalidInput
from pipelines.ai.price_list import USUAL, update_prices


class Command(BaseCommand):
    help = (
        "Bring the table of model prices up to what the installed package genai-prices lists: a new price, from today "
        "on, for each model that costs something else now. Needs no network; upgrade the package to get newer prices. "
        "A model whose latest price was entered by hand is left alone, and what was billed before stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "providers", nargs="*", metavar="PROVIDER", default=[*USUAL], help=f"default: {' '.join(USUAL)}"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            try:
                updated = update_prices(names=options["providers"])
            except InvalidInput as refusal:
                raise CommandError(refusal.message) from refusal
            transaction.set_rollback(options["dry_run"])
        would = " (dry run: nothing was changed)" if options["dry_run"] else ""
        self.stdout.write(
            f"{updated.new} new, {updated.unchanged} unchanged, {updated.by_hand} left as entered by hand{would}"
        )

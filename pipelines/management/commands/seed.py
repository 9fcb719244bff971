from typing import Any

from django.core.management.base import BaseCommand

from pipelines.seeding import plant


class Command(BaseCommand):
    help = (
        "Make what irline ships with: steps and their IR schemas, metrics, profiles, the pipeline design_to_modules, "
        "prompts, groups of reviewers and guidelines. Safe to run again: rows that are there stay as they are."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for planted in plant():
            self.stdout.write(f"{planted.what}: {planted.total}, {planted.made} new")

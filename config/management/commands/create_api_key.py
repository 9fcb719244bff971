"""Make an API key for a program."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken


class Command(BaseCommand):
    help = (
        "Makes an API key that acts with the permissions of USERNAME and prints it. Only its hash is stored, so it is "
        "shown this once. A program sends it as 'Authorization: Bearer KEY'. Revoke it in the admin, under API keys. "
        "Each call makes another key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME", help="an existing, active user")
        parser.add_argument("--days", type=int, help="days until the key expires; without it, it does not")

    def handle(self, *args: Any, username: str, days: int | None, **options: Any) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username!r}. Make one in the admin or with createsuperuser.")
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError("--days must be from 1 to 36500.")
        _, secret = AuthToken.objects.create(user, expiry=timedelta(days=days) if days else None)
        self.stdout.write(secret)

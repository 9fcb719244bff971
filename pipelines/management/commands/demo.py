import os
import secrets
import sys
from argparse import ArgumentParser
from io import StringIO
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from monitoring.flags import Key, decide, set_flag

PAGE = Path(__file__).parents[2] / "demo" / "page" / "index.html"
USER = "demo"


class Command(BaseCommand):
    help = (
        "Show irline at work: migrate, seed, run design_to_modules on a page, and serve the admin with a fresh login. "
        "For a database of your own to try things in, not for production."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--input", default=str(PAGE), metavar="FILE-or-URL", help="your own page or picture")
        parser.add_argument("--no-serve", action="store_true", help="stop after the run")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        self._say(f"Database: PostgreSQL {self._server_version()} ({self._place()})")
        call_command("migrate", verbosity=0)
        call_command("seed", stdout=StringIO())
        self._switch_on()
        self._say(f"Running design_to_modules on {options['input']}")
        status = self._run(options["input"])
        password = self._login()
        if options["no_serve"]:
            sys.exit(status)
        self._serve(options["port"], password)

    def _switch_on(self) -> None:
        if not decide(Key.PIPELINE_LOGGING_ENABLED).is_on:
            set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="switched on by bin/demo")
            self._say("Switched PIPELINE_LOGGING_ENABLED on for this database, so that pipelines may run.")

    def _run(self, source: str) -> int:
        try:
            call_command("run_pipeline", "design_to_modules", input=source, stdout=self.stdout, stderr=self.stderr)
        except CommandError as refusal:
            self.stderr.write(str(refusal))
            return refusal.returncode
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    def _login(self) -> str:
        password = secrets.token_urlsafe(9)
        user, _ = User.objects.get_or_create(username=USER, defaults={"is_staff": True, "is_superuser": True})
        user.set_password(password)
        user.save()
        return password

    def _serve(self, port: int, password: str) -> None:
        self._say("")
        self._say(f"Admin:     http://127.0.0.1:{port}/admin/   user {USER}   password {password}")
        self._say(f"API docs:  http://127.0.0.1:{port}/api/docs")
        self._say("Stop with Ctrl-C.")
        try:
            call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, verbosity=0)
        except CommandError as refusal:
            raise CommandError(f"{refusal} Choose another port: bin/demo --port {port + 1}") from refusal

    def _server_version(self) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            return str(cursor.fetchone()[0])

    def _place(self) -> str:
        if not os.environ.get("DATABASE_URL"):
            return "embedded, in var/postgres"
        connection.ensure_connection()
        return str(connection.connection.info.host)

    def _say(self, text: str) -> None:
        self.stdout.write(text)

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.env import value
from config.outbound import checked_url
from config.problems import DomainError
from pipelines.synthetic import Verdict, run_checks, tell

FAILED, BAD_INPUT = 1, 2


class Command(BaseCommand):
    help = (
        "Ask a running irline for its critical pages and endpoints over HTTP and judge status, shape (of the legacy "
        "reads, the frozen one) and time. Reads only. The key, of a user who may view what is read, comes from a file "
        "or from SYNTHETIC_KEY; a webhook is told of failures as JSON. Exit status: 0 all is well, 1 a check failed, 2 "
        "the input could not be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", default="http://127.0.0.1:8000", metavar="URL")
        parser.add_argument("--key-file", type=Path, metavar="FILE", help="holds the API key")
        parser.add_argument("--limit-ms", type=float, default=2_000, metavar="MS", help="what an answer may take")
        parser.add_argument("--timeout", type=float, default=10, metavar="SECONDS", help="how long to wait for one")
        parser.add_argument("--webhook", metavar="URL", help="told of failures; SYNTHETIC_WEBHOOK where left out")

    def handle(self, *args: Any, **options: Any) -> None:
        webhook = options["webhook"] or value("SYNTHETIC_WEBHOOK")
        timeout = options["timeout"]
        try:
            key = _key(options["key_file"])
            if webhook:
                checked_url(webhook)
            found = run_checks(options["base_url"], key=key, limit_ms=options["limit_ms"], timeout_s=timeout)
            verdicts = [self._shown(verdict) for verdict in found]
        except (DomainError, OSError) as refusal:
            raise CommandError(str(refusal), returncode=BAD_INPUT) from refusal
        failed = sum(bool(each.fault) for each in verdicts)
        self.stdout.write(f"{len(verdicts) - failed} of {len(verdicts)} checks passed")
        if not failed:
            return
        if webhook:
            self._tell(webhook, verdicts, options)
        sys.exit(FAILED)

    def _shown(self, verdict: Verdict) -> Verdict:
        outcome = f"FAILED: {verdict.fault}" if verdict.fault else "ok"
        self.stdout.write(f"{verdict.path:<42} {verdict.status or '-':>4} {verdict.took_ms:>7.0f} ms  {outcome}")
        return verdict

    def _tell(self, webhook: str, verdicts: list[Verdict], options: dict[str, Any]) -> None:
        try:
            tell(webhook, verdicts, base_url=options["base_url"], timeout_s=options["timeout"])
        except OSError as error:
            self.stderr.write(f"The webhook could not be told: {error}")


def _key(file: Path | None) -> str:
    key = file.read_text("utf-8").strip() if file else str(value("SYNTHETIC_KEY"))
    if not key.isalnum():
        raise CommandError(
            "There is no API key to ask with. Make one with manage.py create_api_key, and name its file by --key-file "
            "or put it into SYNTHETIC_KEY.",
            returncode=BAD_INPUT,
        )
    return key

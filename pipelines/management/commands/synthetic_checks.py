import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.env import value
from config.outbound import checked_url
from config.problems import DomainError
from pipelines.synthetic import Verdict, run_checks, tell

FAILED, BAD_INPUT = 1, 2
LONGEST = 100_000  # of --timeout in seconds, of --limit-ms in milliseconds


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
        parser.add_argument("--json", action="store_true", help="one JSON line a check")

    def handle(self, *args: Any, **options: Any) -> None:
        webhook = options["webhook"] or value("SYNTHETIC_WEBHOOK")
        verdicts = []
        for verdict in self._asked(webhook, options):
            verdicts.append(verdict)
            self.stdout.write(_as_json(verdict) if options["json"] else _as_line(verdict))
        failed = sum(bool(each.fault) for each in verdicts)
        if not options["json"]:
            self.stdout.write(f"{len(verdicts) - failed} of {len(verdicts)} checks passed")
        if failed and webhook:
            self._tell(webhook, verdicts, options)
        if failed:
            sys.exit(FAILED)

    def _asked(self, webhook: str, options: dict[str, Any]) -> Iterator[Verdict]:
        for name in ("limit_ms", "timeout"):
            if not 0 < options[name] <= LONGEST:
                flag = f"--{name.replace('_', '-')}"
                raise CommandError(f"{flag} must be above 0, and {LONGEST:,} at most.", returncode=BAD_INPUT)
        try:
            if webhook:
                checked_url(webhook)
            yield from run_checks(
                options["base_url"],
                key=_key(options["key_file"]),
                limit_ms=options["limit_ms"],
                timeout_s=options["timeout"],
            )
        except DomainError as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal

    def _tell(self, webhook: str, verdicts: list[Verdict], options: dict[str, Any]) -> None:
        try:
            tell(webhook, verdicts, base_url=options["base_url"], timeout_s=options["timeout"])
        except OSError as error:
            self.stderr.write(f"The webhook could not be told: {error}")


def _as_line(verdict: Verdict) -> str:
    outcome = f"FAILED: {verdict.fault}" if verdict.fault else "ok"
    return f"{verdict.path:<42} {verdict.status or '-':>4} {verdict.took_ms:>7.0f} ms  {outcome}"


def _as_json(verdict: Verdict) -> str:
    return json.dumps(
        {
            "path": verdict.path,
            "status": verdict.status,
            "tookMs": round(verdict.took_ms, 1),
            "fault": verdict.fault or None,
        }
    )


def _key(file: Path | None) -> str:
    try:
        key = file.read_bytes().decode("ascii", "replace").strip() if file else str(value("SYNTHETIC_KEY"))
    except OSError as error:
        raise CommandError(f"The key cannot be read: {error}", returncode=BAD_INPUT) from error
    if not key.isalnum():
        raise CommandError(
            "There is no API key to ask with. Make one with manage.py create_api_key, and name its file by --key-file "
            "or put it into SYNTHETIC_KEY.",
            returncode=BAD_INPUT,
        )
    return key

import json
import re
import shlex
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.commands import ExplainedCommand
from config.outages import OUTAGE
from config.problems import DomainError
from pipelines.batches.lines import read_lines, survey
from pipelines.batches.running import Batch, Verdict, as_json, batch_of, run_lines
from pipelines.switches import require_logging

FAILED, BAD_INPUT, STOPPED = 1, 2, 130
MOST_CONCURRENT = 64
STEPS_TOLD = 20
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Command(ExplainedCommand):
    help = """Run a pipeline once for each line of FILE.

KEY is a pipeline's key (its active version runs) or KEY@VERSION. A line is a JSON object; all its members may be left
out, and files are sought from the folder of FILE:
  {"source": "https://example.org/", "params": {"split": {"rendering": "never"}}}
  {"source": "pages/about.html", "inputs": {"site": 7}, "priority": -10, "idempotencyKey": "about-7"}

Call it again after it was broken off: runs that have ended are left alone, those under way are carried on, the other
lines are started. A line that cannot be run is named by its number; the rest run all the same.
  manage.py run_batch design_to_modules pages.jsonl --check
  manage.py run_batch design_to_modules pages.jsonl --concurrency 8

Where PIPELINE_EXECUTOR is distributed the workers run the steps; --concurrency then says how many runs are under way.
They go on with those also when this command ends. To stop what a call has left under way, call it with --cancel:
  manage.py run_batch design_to_modules pages.jsonl --cancel
Exit status: 0 every run completed, 1 some did not, 2 the input could not be used."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("file", metavar="FILE", type=Path, help="JSON lines")
        parser.add_argument("--concurrency", type=int, default=4, metavar="N", help="runs at the same time (4)")
        parser.add_argument(
            "--name",
            metavar="NAME",
            help="the batch's name: under another the same lines run again, under the same a file may grow. Where left "
            "out it follows from the content of FILE",
        )
        parser.add_argument("--check", action="store_true", help="look at every line and start nothing")
        parser.add_argument("--cancel", action="store_true", help="cancel the batch's runs under way and start nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        try:
            found = survey(options["file"])
            name = options["name"] or found.sha256[:32]
            batch = batch_of(key=options["key"], name=name, folder=options["file"].parent)
            if options["cancel"]:
                self.stdout.write(
                    f"{batch.cancel():,} runs cancelled. {batch.version}, run group {batch.run_group_id}."
                )
                return
            if not options["check"]:
                require_logging(pipeline_id=batch.version.pipeline_id, user=None)
            with _Shown(self, found.lines, as_lines=options["json"]) as shown:
                self._go(batch, options, shown)
        except DomainError as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal
        except OUTAGE as outage:
            again = "Call it again to go on where it stopped."
            raise CommandError(f"The database is away: {outage} {again}", returncode=FAILED) from outage
        shown.say(f"{shown.summary()}. {batch.version}, run group {batch.run_group_id}.")
        if shown.stopped:
            sys.exit(STOPPED)
        if shown.failed:
            sys.exit(FAILED)

    def _go(self, batch: Batch, options: dict[str, Any], shown: "_Shown") -> None:
        lines = read_lines(options["file"], prefix=batch.prefix)
        if options["check"]:
            for line in lines:
                shown.tell(batch.check(line))
            return
        with run_lines(batch, lines, concurrency=options["concurrency"]) as verdicts:
            try:
                for verdict in verdicts:
                    shown.tell(verdict)
            except KeyboardInterrupt:
                shown.stopped = True
                shown.say(_stopping(options))


class _Shown:
    """Each verdict on standard output, and how far it is on standard error: a bar for a person, else now and then."""

    def __init__(self, command: Command, total: int, *, as_lines: bool) -> None:
        self._command = command
        self._total = total
        self._as_lines = as_lines
        self._counts: Counter[str] = Counter()
        self.failed = 0
        self.stopped = False
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not command.stderr.isatty())
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> "_Shown":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def tell(self, verdict: Verdict) -> None:
        self._counts[verdict.status] += 1
        self.failed += not verdict.is_fine
        done = self._counts.total()
        self._print(json.dumps(as_json(verdict)) if self._as_lines else _in_words(verdict))
        self._bar.update(self._task, completed=done, description=self.summary())
        if self._bar.disable and done * STEPS_TOLD // self._total > (done - 1) * STEPS_TOLD // self._total:
            self.say(f"{done:,} of {self._total:,} lines: {self.summary()}")

    def say(self, text: str) -> None:
        self._command.stderr.write(text, str)

    def summary(self) -> str:
        return ", ".join(f"{count:,} {status}" for status, count in sorted(self._counts.items())) or "nothing was done"

    def _print(self, text: str) -> None:
        """Above the bar where both stand on one terminal."""
        if self._bar.disable or not self._command.stdout.isatty():
            self._command.stdout.write(text)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _stopping(options: dict[str, Any]) -> str:
    if settings.PIPELINE_EXECUTOR == "inline":
        return "Stopping. What is under way is carried to its end first; press again to leave it."
    name = [] if options["name"] is None else ["--name", options["name"]]
    cancel = shlex.join(["manage.py", "run_batch", options["key"], str(options["file"]), *name, "--cancel"])
    return f"Stopping: no other line is started. The workers go on with the runs under way; to cancel them: {cancel}"


def _in_words(verdict: Verdict) -> str:
    error = verdict.error or {}
    parts = [
        f"line {verdict.line}: {verdict.status}",
        str(verdict.run_id or ""),
        f"{verdict.duration_ms / 1000:.1f} s" if verdict.duration_ms is not None else "",
        "(earlier)" if verdict.earlier else "",
        f"{error['code']}: {error['message']}" if error else "",
    ]
    return "  ".join(part for part in parts if part)


def _check(options: dict[str, Any]) -> None:
    if not 1 <= options["concurrency"] <= MOST_CONCURRENT:
        raise CommandError(f"--concurrency must be from 1 to {MOST_CONCURRENT}.", returncode=BAD_INPUT)
    if options["cancel"] and (options["check"] or options["json"]):
        raise CommandError("--cancel stands alone: leave --check and --json out.", returncode=BAD_INPUT)
    if options["name"] is not None and not NAME.fullmatch(options["name"]):
        message = "--name must be 1 to 100 letters, digits, dots, dashes or underscores."
        raise CommandError(message, returncode=BAD_INPUT)

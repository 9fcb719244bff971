import json
import sys
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from config.command_line import INTERRUPTED
from config.commands import ExplainedCommand
from config.jsonl import LineFault, read_line
from config.problems import DomainError
from pipelines import definitions, engine
from pipelines.console import RunTable
from pipelines.designs.errors import DesignError
from pipelines.designs.loader import load_design
from pipelines.errors import RunFinished
from pipelines.executors import inline
from pipelines.models import PipelineRun, PipelineVersion
from pipelines.packaging import write_modules_zip
from pipelines.selectors import run_report

FAILED, BAD_INPUT = 1, 2


class Command(ExplainedCommand):
    help = """Run a pipeline on a design and show how it goes.

KEY is a pipeline's key (its active version runs) or KEY@VERSION. The design is an HTML file with its assets beside or
below it, an address, or a picture (PNG, JPEG, WebP). --params takes a JSON object of parameters by node key:
  manage.py run_pipeline design_to_modules --input page/index.html --params '{"split": {"rendering": "never"}}'

Exit status: 0 the run completed, 1 it failed, 2 the input could not be used, 130 Ctrl-C, which cancels the run."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--input", required=True, metavar="FILE-or-URL")
        parser.add_argument("--root", type=Path, metavar="FOLDER", help="take the page's assets from below this folder")
        parser.add_argument("--params", default="{}", metavar="JSON")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = definitions.active_version(options["key"])
            params = _params(options["params"])
            run = _start(version, options["input"], options["root"], params)
        except (DomainError, DesignError) as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal
        if not run.is_finished:
            try:
                run = self._carry(run, quiet=options["json"])
            except KeyboardInterrupt:
                self._cancel(run)
                sys.exit(INTERRUPTED)
        modules = write_modules_zip(run)
        self._report(run, modules, as_json=options["json"])
        if run.design_split_id is None and run.error:
            sys.exit(BAD_INPUT)
        if run.status != PipelineRun.Status.COMPLETED:
            sys.exit(FAILED)

    def _carry(self, run: PipelineRun, *, quiet: bool) -> PipelineRun:
        if quiet:
            return inline.carry(run.pk)
        with RunTable(run) as table:
            run = inline.carry(run.pk, observe=table.refresh)
        self.stdout.write("")
        return run

    def _cancel(self, run: PipelineRun) -> None:
        """Nobody would carry the run on, as it was this process that did."""
        with suppress(RunFinished):
            engine.cancel(run_id=run.pk)
            again = (
                "What it completed is kept; its page in the admin, or POST /api/pipeline-runs/:id/rerun, runs the rest."
            )
            self.stderr.write(f"Interrupted: run {run.pk} is cancelled. {again}")

    def _report(self, run: PipelineRun, modules: str | None, *, as_json: bool) -> None:
        report = run_report(run)
        report["outputDir"] = str(Path(settings.MEDIA_ROOT) / report["outputDir"])
        if as_json:
            self.stdout.write(json.dumps(report))
            return
        if run.error:
            where = f" in {run.error['nodeKey']}" if run.error.get("nodeKey") else ""
            self.stderr.write(f"The run failed{where} ({run.error['code']}): {run.error['message']}")
        self.stdout.write(f"Run {run.pk} {run.status} in {(report['durationMs'] or 0) / 1000:.1f} s")
        if modules:
            self.stdout.write(f"Modules: {Path(settings.MEDIA_ROOT) / modules}")
        self.stdout.write(f"Everything it made: {report['outputDir']}")


def _start(version: PipelineVersion, source: str, root: Path | None, params: dict[str, Any]) -> PipelineRun:
    inputs = {"source": source}
    try:
        design = load_design(source, root=root, allow_private=settings.DESIGN_ALLOW_PRIVATE_ADDRESSES)
    except DesignError as refusal:
        error = {"code": refusal.code, "message": refusal.message}
        return engine.record_refusal(version=version, error=error, inputs=inputs)
    return engine.start_run(version=version, design=design, inputs=inputs, params=params)


def _params(text: str) -> dict[str, Any]:
    try:
        params, _ = read_line(text.encode(errors="surrogateescape"), most_bytes=definitions.MAX_INPUT_BYTES)
    except LineFault as fault:
        raise CommandError(f"--params cannot be used: {fault}.", returncode=BAD_INPUT) from fault
    if not isinstance(params, dict):
        raise CommandError("--params must be a JSON object of parameters by node key.", returncode=BAD_INPUT)
    return params

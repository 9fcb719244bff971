import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config.commands import ExplainedCommand
from ir_schemas.selectors import find_schema
from ir_schemas.validation import CompiledSchema, JsonFault, SchemaFault, ValidationReport, compile_schema, parse_json

INVALID, BAD_INPUT = 1, 2


class Command(ExplainedCommand):
    help = """Check a JSON document against an IR schema.

SCHEMA is a step (layout_split, layout_split@1), a prompt or process (prompt:module_generate@1, process:KEY), the id of
a schema version, or a .json file. FILE may be - for standard input.
  manage.py validate_ir layout_split ir.json

Exit status: 0 valid, 1 invalid, 2 the schema or the file could not be used."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("schema", metavar="SCHEMA")
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        compiled = _compiled(options["schema"])
        text = _read(options["file"])
        try:
            report = compiled.validate(parse_json(text))
        except JsonFault as fault:
            place = f" (line {fault.line}, column {fault.column})" if fault.line else f" at {fault.path or '/'}"
            raise CommandError(f"{options['file']}{place}: {fault.message}", returncode=BAD_INPUT) from fault
        self._report(report, options["file"], as_json=options["json"])
        if not report.valid:
            sys.exit(INVALID)

    def _report(self, report: ValidationReport, name: str, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report.as_json()))
            return
        if report.valid:
            self.stdout.write(f"{name} is valid ({report.engine} {report.engine_version}).")
            return
        self.stdout.write(f"{name} has {report.error_count} error{'' if report.error_count == 1 else 's'}:")
        for error in report.errors:
            hint = f" {error.hint}" if error.hint else ""
            self.stdout.write(f"  {error.path or '/'}: {error.message}{hint}")


def _compiled(reference: str) -> CompiledSchema:
    try:
        if reference.endswith(".json"):
            return compile_schema(parse_json(_read(reference)))
        schema = find_schema(reference)
        if schema is None:
            raise CommandError(
                f"There is no schema in force for {reference!r}. Name a step (layout_split), prompt:KEY@VERSION, "
                "process:KEY, a schema's id, or a .json file.",
                returncode=BAD_INPUT,
            )
        return compile_schema(schema.schema)
    except (JsonFault, SchemaFault) as fault:
        raise CommandError(f"The schema {reference} cannot be used: {fault}", returncode=BAD_INPUT) from fault


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.", returncode=BAD_INPUT) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{name} is not UTF-8 text.", returncode=BAD_INPUT) from error

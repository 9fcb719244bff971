"""Answer one question of containment on standard input and output. Run by path, in isolation; see `containment`."""

import json
import resource
import sys

import jsonschema_rs
from jsonschema_rs.canonical import CanonicalizationError, Containment

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 5
LARGEST_DIFFERENCE = 200_000


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    question = json.load(sys.stdin)
    writer, reader = (
        jsonschema_rs.canonicalize(question[side], offline=True, validate_formats=True) for side in ("writer", "reader")
    )
    contained = reader.covers(writer) == Containment.YES
    json.dump({"contained": contained, "difference": None if contained else difference(writer, reader)}, sys.stdout)


def difference(writer: jsonschema_rs.CanonicalSchema, reader: jsonschema_rs.CanonicalSchema) -> object:
    """A schema of what only the writer's accepts; None where there is none, or none of a reasonable size."""
    try:
        schema = writer.subtract(reader).to_json_schema()
    except CanonicalizationError:
        return None
    return schema if len(json.dumps(schema)) <= LARGEST_DIFFERENCE else None


if __name__ == "__main__":
    main()

"""The lines of a batch: what each asks for, and the key that its run is started by.

A line is a JSON object. All its members may be left out: ``source`` (an address, or a file by its path from the
batch's folder), ``inputs``, ``params`` (by node key), ``priority``, ``idempotencyKey``. Empty lines are passed over.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.canonical import hash_of_canonical
from config.idempotency import MAX_KEY
from config.jsonl import LineFault, read_line
from config.problems import InvalidInput

MOST_BYTES = 3_000_000  # a line; inputs and params may have a million each
MOST_SOURCE = 2_000
MOST_PRIORITY = 1_000
MEMBERS = ("source", "inputs", "params", "priority", "idempotencyKey")


@dataclass(frozen=True, slots=True)
class Line:
    """``key`` starts one run however often the line is met."""

    number: int
    key: str
    source: str | None
    inputs: dict[str, Any]
    params: dict[str, Any]
    priority: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that asks for nothing that could be started; ``message`` says why."""

    number: int
    message: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file is before it is read: the SHA-256 of its content, and how many lines ask for something."""

    sha256: str
    lines: int


def survey(path: Path) -> Survey:
    """Look the file through. Raises ``InvalidInput`` where it cannot be read twice or holds no line."""
    digest, count = hashlib.sha256(), 0
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InvalidInput(
                f"{path} can be read only once, and a batch is read again to go on with it. Write it into a file."
            )
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                count += bool(line.strip())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    if count == 0:
        raise InvalidInput(f"{path} has no line. Write one JSON object a line: {', '.join(MEMBERS)}.")
    return Survey(digest.hexdigest(), count)


def read_lines(path: Path, *, prefix: str) -> Iterator[Line | BadLine]:
    """Every line that is not empty, read as it is taken.

    The key of a line that names none is made of the ``prefix`` and of what the line says; of equal lines each has its
    own, by how many came before it.
    """
    with path.open("rb") as file:
        yield from _read(file, prefix)


def _read(file: Iterable[bytes], prefix: str) -> Iterator[Line | BadLine]:
    seen: Counter[str] = Counter()
    for number, raw in enumerate(file, 1):
        if not raw.strip():
            continue
        try:
            document, text = read_line(raw, most_bytes=MOST_BYTES)
            _check(document)
        except LineFault as fault:
            yield BadLine(number, f"{fault}.")
            continue
        digest = hash_of_canonical(text)[:32]
        seen[digest] += 1
        key = document.get("idempotencyKey") or f"{prefix}:{digest}:{seen[digest]}"
        inputs, params = document.get("inputs", {}), document.get("params", {})
        yield Line(number, key, document.get("source"), inputs, params, document.get("priority", 0))


def _check(document: Any) -> None:
    if not isinstance(document, dict):
        raise LineFault('a line must be a JSON object, such as {"source": "https://example.org/"}')
    unknown = [name for name in document if name not in MEMBERS]
    if unknown:
        raise LineFault(f"{unknown[0][:80]!r} is no member of a line. Its members: {', '.join(MEMBERS)}")
    for name, most in (("source", MOST_SOURCE), ("idempotencyKey", MAX_KEY)):
        value = document.get(name, "-")
        if not isinstance(value, str) or not value.strip() or len(value) > most:
            raise LineFault(f"{name} must be a text of 1 to {most:,} characters")
    for name in ("inputs", "params"):
        if not isinstance(document.get(name, {}), dict):
            raise LineFault(f"{name} must be an object")
    priority = document.get("priority", 0)
    if type(priority) is not int or not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
        raise LineFault(f"priority must be a whole number from {-MOST_PRIORITY:,} to {MOST_PRIORITY:,}")

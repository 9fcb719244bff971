"""What a validation says: the one shape of an error, and the report that counts them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class IRError:
    """One thing wrong with a document, said so that a person can act on it.

    `path` and `schema_path` are JSON Pointers into the document and the schema, `code` is stable, `actual` is short and
    never a whole document. `line` and `column` count from 1 and are known only where the source text was given.
    """

    path: str
    keyword: str
    code: str
    message: str
    expected: str | None = None
    actual: str | None = None
    schema_path: str = ""
    hint: str | None = None
    line: int | None = None
    column: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the error as the API, the artifacts and the commands show it."""
        shape: dict[str, Any] = {
            "path": self.path,
            "keyword": self.keyword,
            "code": self.code,
            "message": self.message,
            "expected": self.expected,
            "actual": self.actual,
            "schemaPath": self.schema_path,
            "hint": self.hint,
        }
        if self.line is not None:
            shape |= {"line": self.line, "column": self.column}
        return shape


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The answer to "does this document match this schema?".

    `errors` holds the best errors first and at most as many as were asked for; `error_count` and the two counts are of
    all that were found. `counts_by_path` folds array indices to `*`. `truncated` says that the search for errors was
    stopped by its budget, so that there may be more than `error_count`.
    """

    valid: bool
    engine: str
    engine_version: str
    duration_ms: float
    error_count: int = 0
    errors: tuple[IRError, ...] = ()
    counts_by_code: Mapping[str, int] = field(default_factory=dict)
    counts_by_path: Mapping[str, int] = field(default_factory=dict)
    truncated: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the report with camelCase names."""
        return {
            "valid": self.valid,
            "errorCount": self.error_count,
            "errors": [error.as_json() for error in self.errors],
            "countsByCode": dict(self.counts_by_code),
            "countsByPath": dict(self.counts_by_path),
            "engine": self.engine,
            "engineVersion": self.engine_version,
            "durationMs": round(self.duration_ms, 3),
            "truncated": self.truncated,
        }

"""What can be wrong with a schema itself."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class SchemaFinding:
    """One thing noticed in a schema. `path` is a JSON Pointer into the schema, `code` is stable."""

    path: str
    code: str
    severity: Literal["error", "warning"]
    message: str
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as the API and the admin show it."""
        return {
            "path": self.path,
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
        }


class SchemaFault(ValueError):
    """A schema that can't be used. `findings` says why, at least once, with severity `error`."""

    def __init__(self, findings: tuple[SchemaFinding, ...]) -> None:
        super().__init__(" ".join(f"{finding.path or '/'}: {finding.message}" for finding in findings[:3]))
        self.findings = findings

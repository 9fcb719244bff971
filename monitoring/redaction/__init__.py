"""Taking personal data and secrets out of text and JSON before the audit log keeps them.

``redactor`` walks documents and splices; what there is to find stands in tables: ``secrets``, ``contact``, ``money``,
``identities`` and ``names``. Pure: no database, no settings. docs/redaction.md says what it cannot find.
"""

from monitoring.redaction.findings import Finding, Recogniser
from monitoring.redaction.redactor import DEEPEST, VERSION, Redaction, Redactor

__all__ = ["DEEPEST", "VERSION", "Finding", "Recogniser", "Redaction", "Redactor"]

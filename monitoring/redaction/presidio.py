"""Microsoft Presidio as one more recogniser: it knows names of people and places, which no pattern does."""

from collections.abc import Iterator
from typing import Any

from monitoring.redaction.findings import Finding

# Presidio's names for what the rules here have names for.
KINDS = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "US_SSN": "national-id",
}
THRESHOLD = 0.5


class MissingExtra(RuntimeError):
    """Presidio is asked for and not installed."""


class Presidio:
    """Presidio's analyzer with its default model, loaded once. It takes milliseconds a text."""

    digits = 0
    letters = False

    def __init__(self, language: str = "en") -> None:
        try:
            from presidio_analyzer import AnalyzerEngine
        except ImportError as error:
            raise MissingExtra("Presidio is not installed. Install it: bin/setup --extras.") from error
        self._language = language
        self._analyzer: Any = AnalyzerEngine()

    def find(self, text: str) -> Iterator[Finding]:
        for result in self._analyzer.analyze(text=text, language=self._language, score_threshold=THRESHOLD):
            kind = KINDS.get(result.entity_type, result.entity_type.lower().replace("_", "-"))
            yield Finding(result.start, result.end, kind, text[result.start : result.end])

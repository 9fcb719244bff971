"""The rules of a table, asked before the database refuses in its own words."""

from collections.abc import Iterator

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from config.problems import InvalidInput


def check_row(row: models.Model, at: str = "") -> None:
    """Raises ``InvalidInput``: ``{path, message}`` for each fault, a JSON Pointer below ``at`` in the API's names."""
    try:
        row.full_clean()
    except ValidationError as refusal:
        errors = list(_faults(refusal, at))
        raise InvalidInput(errors[0]["message"], errors=errors) from refusal


def _faults(refusal: ValidationError, at: str) -> Iterator[dict[str, str]]:
    for name, messages in refusal.message_dict.items():
        first, *others = name.split("_")
        place = "" if name == NON_FIELD_ERRORS else f"/{first}{''.join(map(str.title, others))}"
        yield from ({"path": f"{at}{place}", "message": message} for message in messages)

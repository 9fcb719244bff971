"""How admin forms take JSON and code."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from config.canonical import canonical_json
from config.json_html import pretty_json
from config.strict_json import object_of


class CodeTextarea(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """A tall monospace box."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 20, "spellcheck": "false", "class": "code-input", **(attrs or {})})


class JsonFormField(forms.JSONField):
    """JSON as text. What cannot be read or stored is refused with its line and column.

    ``empty`` makes the value of a field left empty.
    """

    widget = CodeTextarea
    empty: Callable[[], Any] = staticmethod(lambda: None)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else forms.fields.InvalidJSONInput(data or "")

    def prepare_value(self, value: Any) -> str:
        if value is None or isinstance(value, forms.fields.InvalidJSONInput):
            return value or ""
        return pretty_json(value)

    def to_python(self, value: Any) -> Any:
        if self.disabled:
            return value
        if not str(value or "").strip():
            return self.empty()
        data = self._parse(str(value))
        self._refuse_unstorable(data)
        return data

    def _parse(self, text: str) -> Any:
        try:
            return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=object_of)
        except json.JSONDecodeError as error:
            place = f"Line {error.lineno}, column {error.colno}"
            raise ValidationError(f"{place}: this is not JSON: {error.msg}.", code="invalid") from error
        except RecursionError as error:
            raise ValidationError("The document is nested too deeply to be read.", code="invalid") from error
        except ValueError as error:
            raise ValidationError(f"This is not JSON: {error}", code="invalid") from error

    def _refuse_unstorable(self, data: Any) -> None:
        try:
            text = canonical_json(data)
        except ValueError as error:
            raise ValidationError(f"This JSON cannot be stored: {error}", code="invalid") from error
        if rb"\u0000" in text:
            raise ValidationError("This JSON cannot be stored: a text in it holds the character U+0000.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; use null where there is no value.")

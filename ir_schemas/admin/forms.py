"""The forms of the registry's screens."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from config.admin_fields import CodeTextarea
from config.json_html import pretty_json
from ir_schemas.admin.problems import schema_problems
from ir_schemas.models import AbstractIRSchema, CompatibilityLevel

READINGS = [
    ("standard", "Standard: objects may carry properties that no schema declares"),
    ("writer-closed", "Writer-closed: writers send only the properties that their schema declares"),
]
NO_STATE = "This form does not say which state of the version it changes. Load the page again, then repeat your change."
NEW_SCHEMA = '{\n  "type": "object",\n  "properties": {},\n  "required": []\n}\n'


class SchemaTextarea(CodeTextarea):
    """A plain box that ``schema-editor.js`` gives line numbers, and errors at their line."""

    def __init__(self) -> None:
        super().__init__({"wrap": "off", "data-editor": "schema", "autocapitalize": "off", "autocomplete": "off"})


class SchemaTextField(forms.CharField):
    """A schema as its author writes it, line ends as they are kept."""

    widget = SchemaTextarea

    def __init__(self) -> None:
        super().__init__(strip=False, help_text="JSON Schema, draft 2020-12.")

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class SchemaForm(forms.ModelForm):  # type: ignore[type-arg]
    """A version's text and facts. ``text`` is the schema as written, once the form is valid.

    ``etag`` is the state that the editor started from, so that a change made meanwhile is not overwritten.
    """

    schema = SchemaTextField()
    etag = forms.CharField(widget=forms.HiddenInput, required=False)
    text = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.initial.setdefault("schema", NEW_SCHEMA)
        else:
            self.initial.update(schema=text_of(self.instance), etag=self.instance.etag)

    def clean_schema(self) -> Any:
        """The parsed schema; its text goes to ``text``. Warnings are no reason to refuse it."""
        self.text = self.cleaned_data["schema"]
        schema, problems = schema_problems(self.text)
        errors = [str(problem) for problem in problems if problem.severity == "error"]
        if errors:
            raise ValidationError(errors)
        return schema

    def clean(self) -> dict[str, Any] | None:
        if not self.instance._state.adding and not self.cleaned_data.get("etag"):
            raise ValidationError(NO_STATE)
        return super().clean()


class CompareForm(forms.Form):
    """Which version to compare with, and how to read open objects."""

    against = forms.ChoiceField(label="Compare with", widget=UnfoldAdminSelectWidget)
    reading = forms.ChoiceField(choices=READINGS, required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, others: list[AbstractIRSchema], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(str(other.pk), f"Version {other.version} ({other.get_state_display().lower()})") for other in others]
        self.fields["against"].choices = names  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """Why something is done; it is kept in the version's history."""

    reason = forms.CharField(max_length=2_000, widget=UnfoldAdminTextareaWidget({"rows": 3}))


class ActivateForm(ReasonForm):
    """The override is offered to those who may use it only."""

    override = forms.BooleanField(
        required=False,
        label="Put it in force even if it breaks the compatibility that its line requires",
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, *args: Any, may_override: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_override:
            del self.fields["override"]


class LevelForm(forms.Form):
    """What putting a version of this line in force must keep."""

    level = forms.ChoiceField(
        choices=CompatibilityLevel.choices, label="Required compatibility", widget=UnfoldAdminSelectWidget
    )


def text_of(version: AbstractIRSchema) -> str:
    """The schema as its author wrote it, or laid out afresh where no text was kept or it is one long line."""
    return version.source if "\n" in version.source else pretty_json(version.schema)


def page_url(version: AbstractIRSchema, name: str) -> str:
    """The address of one of a version's pages: ``change``, ``compare``, ``replay``, ``activate``, ..."""
    return reverse(f"admin:{version._meta.app_label}_{version._meta.model_name}_{name}", args=[version.pk])

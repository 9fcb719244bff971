"""What is asked before a run is started, run again, or goes on."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.http import QueryDict
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.admin_base import refusal
from config.admin_fields import CodeTextarea, JsonFormField
from config.problems import DomainError
from pipelines.approvals import MAX_COMMENT
from pipelines.dag import Graph
from pipelines.errors import IdempotencyConflict
from pipelines.models import PipelineVersion

WHAT_FAILED, EVERYTHING = "", "*"
"""What to run again, beside the key of a node."""
USED = "This page has already started a run, with other values. Press again to start one with those that stand here."


class ObjectField(JsonFormField):
    """A JSON object; left empty it is one without members."""

    empty: Callable[[], Any] = staticmethod(dict)

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=CodeTextarea({"rows": 3}), **options)

    def to_python(self, value: Any) -> Any:
        data = super().to_python(value)
        if not isinstance(data, dict):
            raise ValidationError('Write a JSON object in curly brackets, such as {"name": "value"}.', code="invalid")
        return data


class OnceForm(forms.Form):
    """A form that starts one run, however often it is sent: ``key`` is the run's idempotency key."""

    token = forms.UUIDField(
        widget=forms.HiddenInput,
        initial=uuid.uuid4,
        error_messages={"required": "Load this page again, then repeat what you did.", "invalid": "Load it again."},
    )

    @property
    def key(self) -> str:
        return f"admin-{self.cleaned_data['token']}"

    def refuse(self, error: DomainError) -> None:
        """Say why nothing was started. What is sent after this counts as a new request, so the token is another."""
        self.add_error(None, USED if isinstance(error, IdempotencyConflict) else refusal(error))
        data = cast(QueryDict, self.data).copy()
        data["token"] = str(uuid.uuid4())
        self.data = data


class StartForm(OnceForm):
    """What a run of a pipeline starts with."""

    version = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    source = forms.CharField(
        label="Address of the page or picture",
        required=False,
        max_length=2000,
        validators=[RegexValidator(r"^https?://\S+$", "Write an address that begins with http:// or https://.")],
        widget=UnfoldAdminTextInputWidget({"inputmode": "url", "placeholder": "https://example.org/"}),
        help_text="The design to work on, fetched before the run begins. Leave it empty for a pipeline without one.",
    )
    inputs = ObjectField(help_text="JSON for conditions and steps.")
    params = ObjectField(
        label="Parameters",
        help_text='JSON by node key, over those of the version: {"split": {"rendering": "never"}}',
    )

    def __init__(self, versions: Iterable[PipelineVersion], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(str(each.pk), f"Version {each.version}{' (active)' if each.is_active else ''}") for each in versions]
        self.fields["version"].choices = names  # type: ignore[attr-defined]


class ScopeForm(forms.Form):
    """What of a run is to run again."""

    scope = forms.ChoiceField(label="What to run again", required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, graph: Graph, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (WHAT_FAILED, "What failed or was cancelled, and all below it"),
            (EVERYTHING, "Everything"),
            *((node.key, f"{node.key}, and all below it") for node in graph.nodes),
        ]


class RerunForm(OnceForm):
    """With what a run is run again."""

    params = ObjectField(
        label="Other parameters",
        help_text='JSON by node key, over those of the earlier run: {"generate": {"max_fields": 8}}. '
        "A node whose parameters change runs again too.",
    )


class DecisionForm(forms.Form):
    """Whether a step that waits may start."""

    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("decline", "Decline")])
    comment = forms.CharField(
        required=False,
        max_length=MAX_COMMENT,
        label="Comment (kept with the decision)",
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
    )

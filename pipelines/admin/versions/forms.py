"""The forms of a version's pages."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from config.admin_base import refusal
from config.admin_fields import CodeTextarea
from config.problems import DomainError
from pipelines.definitions import check_dag
from pipelines.models import PipelineVersion


class PipelineVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Checks the DAG before it is saved, and says every fault with its place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "dag" in self.fields:
            attributes = {"data-editor": "dag", "wrap": "off", "autocapitalize": "off", "autocomplete": "off"}
            self.fields["dag"].widget = CodeTextarea(attributes)

    def clean_dag(self) -> Any:
        dag = self.cleaned_data["dag"]
        try:
            check_dag(dag)
        except DomainError as error:
            raise refusal(error) from error
        return dag


class CompareForm(forms.Form):
    """Which version to compare with."""

    against = forms.ChoiceField(label="Compare with", widget=UnfoldAdminSelectWidget)

    def __init__(self, others: list[PipelineVersion], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(str(each.pk), f"Version {each.version}{' (active)' if each.is_active else ''}") for each in others]
        self.fields["against"].choices = names  # type: ignore[attr-defined]

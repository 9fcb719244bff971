"""The admin's page of one flag: what it is set to, for whom, since when and why, and how to change that."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from config.problems import DomainError, InvalidInput, NotFound
from monitoring import flags
from monitoring.flag_history import history_of
from monitoring.flag_targets import Who, find_target, ids_of
from monitoring.flags import Key
from monitoring.models import FlagRule
from monitoring.models.flags import MOST_REASON, values_of
from monitoring.targeting import Subject

UNSET = "default"
COLOURS = {"on": "success", "enforce": "success", "log": "info", "off": "default"}


class ChangeForm(forms.Form):
    """A change, which needs a reason."""

    does = ""
    verb = ""
    permission = ""

    def __init__(self, key: Key, user: User, data: Any = None) -> None:
        super().__init__(data, auto_id=f"{self.does}-%s")
        self.key, self.user = key, user
        self.fields["reason"] = forms.CharField(label="Reason, kept in the history", max_length=MOST_REASON)

    def apply(self, given: dict[str, Any]) -> str:
        """Make the change; returns what was done. Raises ``DomainError``."""
        raise NotImplementedError


class ValueForm(ChangeForm):
    does, verb, permission = "set", "Set for all", "monitoring.change_featureflag"

    def __init__(self, key: Key, user: User, data: Any = None) -> None:
        super().__init__(key, user, data)
        usual = (UNSET, f"the environment's default ({flags.default(key)})")
        choices = [*((value, value) for value in values_of(key)), usual]
        self.fields = {"value": forms.ChoiceField(choices=choices), **self.fields}
        if user.has_perm(RemoveRuleForm.permission) and flags.state_of(key).rules:
            self.fields["for_all"] = forms.BooleanField(required=False, label="Take its rules away as well")

    def apply(self, given: dict[str, Any]) -> str:
        change = {"reason": given["reason"], "user": self.user, "for_all": given.get("for_all", False)}
        if given["value"] == UNSET:
            flags.unset_flag(key=self.key, **change)
            return f"{self.key} has the environment's default again."
        flags.set_flag(key=self.key, value=given["value"], **change)
        return f"{self.key} is {given['value']} now."


class AddRuleForm(ChangeForm):
    does, verb, permission = "add-rule", "Add a rule", "monitoring.add_flagrule"

    def __init__(self, key: Key, user: User, data: Any = None) -> None:
        super().__init__(key, user, data)
        named = "A user's name, a group's name, a pipeline's key, a prompt as process@version, or a number."
        self.fields = {
            "who": forms.ChoiceField(choices=Who.choices, label="For a"),
            "name": forms.CharField(max_length=200, label="Called", help_text=named),
            "value": forms.ChoiceField(choices=[(value, value) for value in values_of(key)], label="Gets"),
            "position": forms.IntegerField(min_value=1, max_value=9_999, required=False, label="Place; empty: last"),
            **self.fields,
        }

    def apply(self, given: dict[str, Any]) -> str:
        who = Who(given["who"])
        rule = flags.add_rule(
            key=self.key,
            who=who,
            target=find_target(who, given["name"]),
            value=given["value"],
            reason=given["reason"],
            position=given["position"],
            user=self.user,
        )
        return f"Rule {rule.position} was added."


class RemoveRuleForm(ChangeForm):
    does, verb, permission = "remove-rule", "Remove a rule", "monitoring.delete_flagrule"

    def __init__(self, key: Key, user: User, data: Any = None) -> None:
        super().__init__(key, user, data)
        self.ids = dict(FlagRule.objects.filter(key=key).values_list("position", "pk"))
        rules = [rule for rule in flags.state_of(key).rules if rule.position in self.ids]
        # By their ids, as somebody else may have moved them since the page was shown.
        choices = [(self.ids[rule.position], f"{rule.position}: {rule.whom}") for rule in rules]
        self.fields = {"rule": forms.TypedChoiceField(choices=choices, coerce=UUID), **self.fields}

    def apply(self, given: dict[str, Any]) -> str:
        position = next(position for position, rule_id in self.ids.items() if rule_id == given["rule"])
        flags.remove_rule(
            key=self.key, position=position, rule_id=given["rule"], reason=given["reason"], user=self.user
        )
        return f"Rule {position} is gone."


class PreviewForm(forms.Form):
    """For whom to decide; what is left empty is nobody."""

    user = forms.CharField(required=False, max_length=150)
    pipeline = forms.CharField(required=False, max_length=100)
    prompt = forms.CharField(required=False, max_length=100, label="Prompt, as process@version")
    run = forms.UUIDField(required=False, label="Run, by its id", widget=forms.TextInput)

    def decide(self, key: Key) -> flags.Decision:
        """Raises ``DomainError`` for a name that nothing has."""
        named = {who: self.cleaned_data[who.value] for who in (Who.USER, Who.PIPELINE, Who.PROMPT)}
        return flags.decide(key, **ids_of(named), run_id=self.cleaned_data["run"])


FORMS: tuple[type[ChangeForm], ...] = (ValueForm, AddRuleForm, RemoveRuleForm)


def flag_page(request: HttpRequest, key: str) -> HttpResponse:
    """For those who may view flags; each form for those who may do what it does."""
    if not request.user.has_perm("monitoring.view_featureflag"):
        raise PermissionDenied
    if key not in Key.values:
        raise Http404("There is no such flag.")
    flag = Key(key)
    user = cast(User, request.user)
    shown = {form.does: form(flag, user) for form in FORMS if user.has_perm(form.permission)}
    if request.method == "POST":
        form = _form_sent(request, flag)
        if form.is_valid() and _applied(request, form):
            return redirect(request.path)
        shown[form.does] = form
    return TemplateResponse(request, "admin/monitoring/flag.html", _context(request, flag, shown))


def flag_rows() -> list[dict[str, Any]]:
    """Every flag with its value for all whom no rule is for."""
    states = {key: flags.state_of(key) for key in Key}
    decisions = {key: flags.judge(key, state, Subject()) for key, state in states.items()}
    return [
        {
            "key": key.value,
            "label": key.label,
            "rules": len(states[key].rules),
            "decision": decision,
            "colour": COLOURS[decision.value],
        }
        for key, decision in decisions.items()
    ]


def _form_sent(request: HttpRequest, flag: Key) -> ChangeForm:
    kind = next((form for form in FORMS if form.does == request.POST.get("does")), None)
    if kind is None or not request.user.has_perm(kind.permission):
        raise PermissionDenied
    return kind(flag, cast(User, request.user), request.POST)


def _applied(request: HttpRequest, form: ChangeForm) -> bool:
    try:
        messages.success(request, form.apply(form.cleaned_data))
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return False
    return True


def _context(request: HttpRequest, flag: Key, shown: dict[str, ChangeForm]) -> dict[str, Any]:
    state = flags.state_of(flag)
    decision = flags.judge(flag, state, Subject())
    listed = [form for form in shown.values() if state.rules or form.is_bound or not isinstance(form, RemoveRuleForm)]
    preview = PreviewForm(request.GET) if request.GET else PreviewForm()
    return {
        **admin.site.each_context(request),
        "title": flag.value,
        "label": flag.label,
        "decision": decision,
        "colour": COLOURS[decision.value],
        "rules": [(rule, COLOURS[rule.value]) for rule in state.rules],
        "forms": listed,
        "history": history_of(flag),
        "preview": preview,
        "would_get": _would_get(flag, preview),
    }


def _would_get(flag: Key, preview: PreviewForm) -> flags.Decision | None:
    if not preview.is_bound or not preview.is_valid():
        return None
    try:
        return preview.decide(flag)
    except (NotFound, InvalidInput) as refusal:
        preview.add_error(None, refusal.message)
        return None

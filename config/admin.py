"""People, groups and API keys."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.html import format_html
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.admin_base import BaseAdmin, linked

admin.site.index_title = "Overview"
admin.site.unregister([User, Group, AuthToken])
# Jobs come and go within milliseconds, and say nothing that step runs don't say better.
admin.site.unregister(ProcrastinateJob)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, BaseAdmin):  # type: ignore[misc, type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    date_hierarchy = "date_joined"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, BaseAdmin):  # type: ignore[misc]
    pass


class AuthTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """Makes a key. ``secret`` is the key itself: only its hash is stored, so it can be shown this once."""

    secret = ""

    def save(self, commit: bool = True) -> Any:
        self.instance.digest, self.secret = get_digest_token()
        self.instance.token_key = self.secret[: CONSTANTS.TOKEN_KEY_LENGTH]
        return super().save(commit=commit)


@admin.register(AuthToken)
class AuthTokenAdmin(BaseAdmin):
    """Keys are made and revoked; there is nothing to change in one."""

    form = AuthTokenForm
    fields = ("user", "expiry")
    autocomplete_fields = ("user",)
    list_display = ("name", linked("user"), "created", "expiry")
    list_select_related = ("user",)
    list_filter = ("created", "expiry")
    search_fields = ("token_key", "user__username")
    ordering = ("-created",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Begins with")
    def name(self, obj: AuthToken) -> str:
        return f"{obj.token_key}…"

    def save_model(self, request: HttpRequest, obj: AuthToken, form: AuthTokenForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        text = "The new key of {}: <code>{}</code> Copy it now; it is not stored and cannot be shown again."
        messages.warning(request, format_html(text, obj.user, form.secret))

    def log_addition(self, request: HttpRequest, obj: AuthToken, message: Any) -> Any:
        obj.pk = obj.digest
        return super().log_addition(request, obj, message)

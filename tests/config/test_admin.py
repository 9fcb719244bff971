"""Every admin page opens, asks for permission, escapes what people wrote, and costs the same for 2 rows as for 8."""

import inspect
from typing import Any, cast

import pghistory.models
import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from factory.django import DjangoModelFactory
from knox.models import AuthToken

from config.admin_base import ReadOnlyAdmin
from feedback.models import ReviewFeedback
from metrics.models import MetricResultRow
from tests import factories

OWN_APPS = ("ir_schemas", "metrics", "monitoring", "feedback", "pipelines")
FACTORIES: dict[type[models.Model], Any] = {
    cast(Any, factory)._meta.model: factory
    for _, factory in inspect.getmembers(factories, inspect.isclass)
    if issubclass(factory, DjangoModelFactory) and factory is not DjangoModelFactory
} | {MetricResultRow: factories.MetricResultFactory}
REGISTERED = sorted(FACTORIES, key=lambda model: model._meta.label)
RECORDS = [model for model in REGISTERED if isinstance(admin.site._registry[model], ReadOnlyAdmin)]
SCRIPT = "<script>alert(1)</script>"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything_open(settings: LazySettings) -> None:
    """No flag hides a page."""
    settings.REVIEW_ENABLED = True
    settings.MONITORING_API_ENABLED = True


@pytest.fixture
def clerk(client: Client) -> User:
    """A member of staff who is signed in and may do nothing yet."""
    user = factories.UserFactory(is_staff=True)
    client.force_login(user)
    return user


def url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def row(model: type[models.Model]) -> models.Model:
    """A row of the model, made by its factory."""
    made = FACTORIES[model]()
    return model._default_manager.get(pk=made.pk)


def may(user: User, action: str, model: type[models.Model]) -> None:
    user.user_permissions.add(
        Permission.objects.get(
            codename=f"{action}_{model._meta.model_name}", content_type__app_label=model._meta.app_label
        )
    )


each_model = pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
each_record = pytest.mark.parametrize("model", RECORDS, ids=lambda model: model._meta.label)


def test_every_model_has_its_pages() -> None:
    tables = {model for app in OWN_APPS for model in apps.get_app_config(app).get_models()}
    tracked = {model for model in tables if issubclass(model, pghistory.models.Event)}

    assert tables - tracked <= set(admin.site._registry)
    assert set(admin.site._registry) == set(REGISTERED), "tests/factories.py lacks a factory"


@each_model
def test_pages_open(model: type[models.Model], client: Client, boss: User) -> None:
    obj = row(model)
    model_admin = admin.site._registry[model]

    assert client.get(url(model, "changelist")).status_code == 200
    assert client.get(url(model, "change", obj.pk)).status_code == 200
    assert client.get(url(model, "history", obj.pk)).status_code == 200
    if type(model_admin).has_add_permission is admin.ModelAdmin.has_add_permission:
        assert client.get(url(model, "add")).status_code == 200


@each_model
def test_list_is_searchable(model: type[models.Model], client: Client, boss: User) -> None:
    row(model)

    answer = client.get(url(model, "changelist"), {"q": "nothing is called this"})

    assert answer.status_code == 200
    assert answer.context["cl"].result_count == 0


@pytest.mark.parametrize("query", ["status__exact=%00", "created_at__year=99999", "id__exact=x", "o=x.y", "q=%00"])
def test_a_list_asked_for_nonsense_shows_itself_whole(query: str, client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()

    answer = client.get(f"{url(type(run), 'changelist')}?{query}", follow=True)

    assert answer.status_code == 200
    assert str(run.pk) in answer.content.decode()


@each_model
def test_list_costs_the_same_for_many_rows(model: type[models.Model], client: Client, boss: User) -> None:
    few = _queries_of_list(model, client, rows=2)
    many = _queries_of_list(model, client, rows=6)

    assert many == few


def _queries_of_list(model: type[models.Model], client: Client, rows: int) -> int:
    for _ in range(rows):
        FACTORIES[model]()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url(model, "changelist")).status_code == 200
    return len(queries)


@each_model
def test_asks_for_permission(model: type[models.Model], client: Client, clerk: User) -> None:
    obj = row(model)

    assert client.get(url(model, "changelist")).status_code == 403
    assert client.get(url(model, "change", obj.pk)).status_code == 403
    client.logout()
    assert client.get(url(model, "changelist")).headers["Location"].startswith("/admin/login/")


@each_model
def test_who_may_only_view_can_change_nothing(model: type[models.Model], client: Client, clerk: User) -> None:
    obj = row(model)
    may(clerk, "view", model)

    assert client.get(url(model, "change", obj.pk)).status_code == 200
    assert client.post(url(model, "change", obj.pk), {}).status_code == 403
    assert client.post(url(model, "delete", obj.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=obj.pk).exists()


@each_record
def test_records_cannot_be_changed_even_by_a_superuser(model: type[models.Model], client: Client, boss: User) -> None:
    obj = row(model)

    model_admin = cast(ReadOnlyAdmin, admin.site._registry[model])
    assert model_admin.why_read_only in client.get(url(model, "changelist")).content.decode()
    assert client.get(url(model, "add")).status_code == 403
    assert client.post(url(model, "change", obj.pk), {}).status_code == 403
    assert client.post(url(model, "delete", obj.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=obj.pk).exists()


def test_what_people_wrote_is_escaped(client: Client, boss: User) -> None:
    design = factories.DesignSplitFactory(name=SCRIPT, metrics={SCRIPT: [SCRIPT]})
    feedback = factories.ReviewFeedbackFactory(reviewer=SCRIPT, design_split=design, findings=[{SCRIPT: SCRIPT}])

    pages = [
        url(type(design), "changelist"),
        url(type(design), "change", design.pk),
        url(type(feedback), "changelist"),
        url(type(feedback), "change", feedback.pk),
    ]

    for page in pages:
        content = client.get(page).content.decode()
        assert "&lt;script&gt;alert(1)" in content
        assert SCRIPT not in content


def test_an_unknown_row_leads_back_with_a_message(client: Client, boss: User) -> None:
    for pk in ("nonsense", "00000000-0000-7000-8000-000000000000"):
        answer = client.get(f"/admin/pipelines/pipelinerun/{pk}/change/", follow=True)

        assert answer.redirect_chain == [("/admin/", 302)]
        assert "Perhaps it was deleted?" in answer.content.decode()


# JSON


def edit_tags(client: Client, tags: str) -> Any:
    """Post a module template's form with ``tags`` as its JSON field."""
    module = factories.ModuleTemplateFactory()
    fields = {"name": module.name, "version": "1.0.0", "tags": tags}
    answer = client.post(url(type(module), "change", module.pk), fields)
    module.refresh_from_db()
    return answer, module


def test_json_is_saved_as_written(client: Client, boss: User) -> None:
    answer, module = edit_tags(client, '["a", {"b": [1, 2.5, null]}]')

    assert answer.status_code == 302
    assert module.tags == ["a", {"b": [1, 2.5, None]}]


def test_a_new_json_field_is_empty(client: Client, boss: User) -> None:
    form = client.get(reverse("admin:pipelines_pipelineversion_add")).context["adminform"].form

    assert form["dag"].value() == ""


def test_code_is_shown_as_it_stands(client: Client, boss: User) -> None:
    artifact = factories.GeneratedArtifactFactory(content="<b>\n  one")

    page = client.get(url(type(artifact), "change", artifact.pk)).content.decode()

    assert '<pre class="json" tabindex="0">&lt;b&gt;\n  one</pre>' in page


def test_json_left_empty_takes_its_default(client: Client, boss: User) -> None:
    answer, module = edit_tags(client, "  ")

    assert answer.status_code == 302
    assert module.tags == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": 1,\n "b": }', "Line 2, column 7"),
        ("[NaN]", "NaN is no JSON number"),
        ('{"a": 1, "a": 2}', "the key &#x27;a&#x27; stands twice in the object that begins with"),
        ("[1e999]", "cannot be stored"),
        ('["\\u0000"]', "U+0000"),
        ('["\\ud800"]', "cannot be stored"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "not JSON"),
    ],
    ids=["syntax", "nan", "key-twice", "infinity", "nul", "surrogate", "deep", "long-number"],
)
def test_json_that_cannot_be_kept_is_refused_in_words(text: str, complaint: str, client: Client, boss: User) -> None:
    answer, module = edit_tags(client, text)

    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert module.tags == []


def test_a_long_document_is_cut_and_can_be_downloaded(client: Client, boss: User) -> None:
    artifact = factories.IRArtifactFactory(ir_json={"parts": ["x" * 1000] * 200})

    page = client.get(url(type(artifact), "change", artifact.pk)).content.decode()
    download = client.get(url(type(artifact), "json", artifact.pk, "ir_json"))

    assert "Only the first 100,000 of" in page
    assert len(page) < 400_000
    assert download.json() == artifact.ir_json
    assert "attachment" in download.headers["Content-Disposition"]


def test_a_document_is_downloaded_by_those_who_may_view_its_row(client: Client, clerk: User) -> None:
    artifact = factories.IRArtifactFactory()

    assert client.get(url(type(artifact), "json", artifact.pk, "ir_json")).status_code == 403
    may(clerk, "view", type(artifact))
    assert client.get(url(type(artifact), "json", artifact.pk, "ir_json")).status_code == 200
    assert client.get(url(type(artifact), "json", artifact.pk, "engine")).status_code == 404


# People


def test_a_new_api_key_is_shown_once_and_opens_the_api(client: Client, boss: User) -> None:
    answer = client.post(url(AuthToken, "add"), {"user": boss.pk}, follow=True)
    secret = str(next(iter(answer.context["messages"]))).partition("<code>")[2].partition("</code>")[0]

    token = AuthToken.objects.get(user=boss)
    assert token.token_key == secret[: len(token.token_key)]
    assert secret not in client.get(url(AuthToken, "changelist")).content.decode()
    assert secret not in client.get(url(AuthToken, "change", token.pk)).content.decode()
    client.logout()
    assert client.get("/api/schema").status_code in {401, 403}
    assert client.get("/api/schema", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_signing_in_leads_to_the_overview(client: Client) -> None:
    user = factories.UserFactory(is_staff=True)
    user.set_password("a good long password")
    user.save()

    answer = client.post("/admin/login/", {"username": user.username, "password": "a good long password"})

    assert answer.headers["Location"] == "/admin/"


def test_the_history_says_who_changed_what(client: Client, boss: User) -> None:
    profile = factories.MetricProfileFactory(name="Before")
    fields = {"key": profile.key, "name": SCRIPT, "items-TOTAL_FORMS": 0, "items-INITIAL_FORMS": 0}

    assert client.post(url(type(profile), "change", profile.pk), fields).status_code == 302
    type(profile).objects.filter(pk=profile.pk).update(description="by a command")
    page = client.get(url(type(profile), "history", profile.pk)).content.decode()

    assert "by a command" in page
    assert "<code>Before</code> to <code>&lt;script&gt;" in page
    assert f"<td>{boss.username}</td>" in page
    assert SCRIPT not in page


# The overview


def test_the_empty_overview_says_what_to_do_first(client: Client, boss: User) -> None:
    assert "bin/demo" in client.get("/admin/").content.decode()


def test_the_overview_shows_runs_at_a_constant_cost(client: Client, boss: User) -> None:
    factories.PipelineRunFactory(design_split__name=SCRIPT)
    with CaptureQueriesContext(connection) as few:
        page = client.get("/admin/").content.decode()
    factories.PipelineRunFactory.create_batch(9, finished=True, started_by=boss)
    with CaptureQueriesContext(connection) as many:
        client.get("/admin/")

    assert len(many) == len(few)
    assert "&lt;script&gt;alert(1)" in page
    assert SCRIPT not in page


def test_the_overview_keeps_runs_from_those_who_may_not_view_them(client: Client, clerk: User) -> None:
    run = factories.PipelineRunFactory()

    assert str(run.pk) not in client.get("/admin/").content.decode()


def test_no_page_needs_an_inline_script(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    for page in ("/admin/", url(type(run), "changelist"), url(type(run), "change", run.pk)):
        content = client.get(page).content.decode()
        assert content.count("<script") == content.count("<script src=") + content.count('<script id="django-admin')


def test_static_files_are_found() -> None:
    call_command("findstatic", "irline/admin.css", "irline/admin.js", "irline/run_page.js", verbosity=0)


def test_a_list_to_choose_from_is_offered_to_those_who_may_see_it(client: Client) -> None:
    reviewer = factories.UserFactory(is_staff=True)
    design = factories.DesignSplitFactory()
    reviewer.user_permissions.set(Permission.objects.filter(codename__in=["add_reviewfeedback", "view_reviewfeedback"]))
    client.force_login(reviewer)
    address = reverse("admin:feedback_reviewfeedback_add")
    designs = reverse("admin:pipelines_designsplit_changelist")
    feedback = {"reviewer": "ada", "status": "approved", "ratings": "{}", "findings": "[]", "comments": "good"}

    assert designs not in client.get(address).content.decode()
    saved = client.post(address, feedback | {"design_split": str(design.pk)})
    assert saved.status_code == 302
    assert ReviewFeedback.objects.get().design_split == design
    reviewer.user_permissions.add(Permission.objects.get(codename="view_designsplit"))
    assert designs in client.get(address).content.decode()
